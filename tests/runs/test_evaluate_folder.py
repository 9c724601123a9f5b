"""A model is scored on files that were never a dataset, and none is left out without a word."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest
import soundfile
from errors import user_error
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score

import mgr_jax
from mgr_jax.cli import main
from mgr_jax.data.trained_on import trained_on
from mgr_jax.decisions import Decisions
from mgr_jax.model_folder import read_description
from mgr_jax.runs import seen_files

RATE = 12_000
GENRES = ("hum", "hiss", "beat")
QUIET = {"progress": False, "workers": 0}


@pytest.fixture
def run(trained_run, tmp_path):
    """A copy of the run, whose folder results are written to."""
    return shutil.copytree(trained_run, tmp_path / "run")


def make_clip(genre, seed):
    """What the run has learnt to tell apart, as none of its tracks."""
    rng = np.random.default_rng([GENRES.index(genre), seed, 1000])
    time = np.arange(2 * RATE) / RATE
    noise = rng.standard_normal(len(time))
    hum = np.sin(2 * np.pi * rng.uniform(150, 400) * time) + 0.01 * noise
    clip = {"hum": hum, "hiss": noise, "beat": noise * np.exp(-20 * (time % 0.3))}[genre]
    return (0.2 * clip / np.abs(clip).max()).astype(np.float32)


def make_files(folder, per_genre=4):
    """<genre>/<n>.wav that no dataset has."""
    for genre in GENRES:
        (folder / genre).mkdir(parents=True)
        for number in range(per_genre):
            soundfile.write(folder / genre / f"{number}.wav", make_clip(genre, number), RATE)
    return folder


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def by_path(result):
    return dict(zip(result.tracks.track.tolist(), result.tracks.label.tolist(), strict=True))


def test_a_folder_of_the_test_split_is_scored_like_the_test_split(run, music_folder, tmp_path):
    as_split = mgr_jax.evaluate(run, "test", progress=False)
    folder = tmp_path / "same music"
    for track in set(as_split.segments.track.tolist()):
        (folder / track).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(music_folder / track, folder / track)
    result = mgr_jax.evaluate(run, folder=folder, **QUIET)
    for name in ("track", "start", "end", "label"):
        np.testing.assert_array_equal(
            getattr(result.segments, name), getattr(as_split.segments, name)
        )
    np.testing.assert_allclose(
        result.segments.probabilities, as_split.segments.probabilities, atol=1e-5
    )
    for level in ("segment", "track"):
        assert result.scores[level]["accuracy"] == as_split.scores[level]["accuracy"]
        assert result.scores[level]["log_loss"] == pytest.approx(
            as_split.scores[level]["log_loss"], abs=1e-4
        )
    assert result.scores["majority"]["track"] == as_split.scores["majority"]["track"]
    read = mgr_jax.Run.open(run).result("same music")
    assert read.scores == result.scores
    assert mgr_jax.Run.open(run).result("test").scores == as_split.scores  # untouched


def test_what_was_trained_on_is_known_by_its_sound_and_left_out(run, music_folder, tmp_path):
    trained = json.loads((run / "tracks.json").read_text(encoding="utf-8"))["train"]
    folder = tmp_path / "renamed"
    for path in music_folder.glob("*/*.wav"):
        new = folder / path.parent.name / f"song {path.stem}.flac"
        new.parent.mkdir(parents=True, exist_ok=True)
        samples, _ = soundfile.read(path, dtype="int16")
        soundfile.write(new, samples, RATE)  # the same sound in other files
    result = mgr_jax.evaluate(run, folder=folder, **QUIET)
    known = {track.replace("/", "/song ").replace(".wav", ".flac") for track in trained}
    assert {one.path for one in result.left_out if one.kind == "trained_on"} == known
    assert not known & set(result.tracks.track.tolist())
    assert len(result.tracks.track) == 30 - len(known)
    assert f"{len(known)}: the model was trained on it" in str(result)
    assert not result.protocol.leaks

    everything = mgr_jax.evaluate(run, folder=folder, include_trained=True, **QUIET)
    assert len(everything.tracks.track) == 30
    assert everything.protocol.leaks == (f"{len(known)} of the 30 files were trained on",)
    only = tmp_path / "only trained on"
    for path in known:
        (only / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / path, only / path)
    with user_error("split.empty", "trained on"):
        mgr_jax.evaluate(run, folder=only, **QUIET)


def test_files_called_like_tracks_whose_sound_was_not_kept_are_left_out(
    run, music_folder, monkeypatch
):
    seen = [dataclasses.replace(one, digests=()) for one in trained_on(run)]
    monkeypatch.setattr(seen_files, "trained_on", lambda _: seen)
    result = mgr_jax.evaluate(run, folder=music_folder, **QUIET)
    trained = json.loads((run / "tracks.json").read_text(encoding="utf-8"))["train"]
    assert {one.path for one in result.left_out if one.kind == "named_alike"} == set(trained)
    assert "has the name of a training track" in str(result)
    assert "the model was trained on it" not in str(result)


def test_files_of_equal_names_and_other_sound_are_scored_and_told(run, tmp_path):
    folder = make_files(tmp_path / "mine")
    for genre in GENRES:
        (folder / genre / "0.wav").rename(folder / genre / "0-0.wav")
    with pytest.warns(UserWarning, match="have the names of tracks .* but hold other samples"):
        result = mgr_jax.evaluate(run, folder=folder, **QUIET)
    assert len(result.tracks.track) == 12


def test_an_index_of_other_columns_and_names_and_what_is_left_out(run, tmp_path):
    folder = make_files(tmp_path / "mine")
    soundfile.write(folder / "hum" / "silent.wav", np.zeros(RATE), RATE)
    (folder / "hum" / "broken.wav").write_bytes(b"RIFF" + bytes(range(200)))
    rows = [
        *((f"hum/{n}.wav", "HUM ", "x") for n in range(4)),
        *((f"hiss/{n}.wav", "white noise", "x") for n in range(4)),
        ("beat/0.wav", "speech", "x"),
        ("beat/1.wav", "polka", "x"),
        ("hum/silent.wav", "hum", "x"),
        ("hum/broken.wav", "hum", "x"),
        ("hum/missing.wav", "hum", "x"),
    ]
    index = tmp_path / "labels.csv"
    index.write_text("\n".join(["file;style;genre", *map(";".join, rows)]), encoding="utf-8")
    options = {"labels": index, "columns": "path=file,genre=style", "folder": folder, **QUIET}
    names = {"White  Noise": "hiss", "speech": ""}
    with user_error("table.unknown_genre", "polka", "hum", index):
        mgr_jax.evaluate(run, class_names=names, **options)
    with pytest.warns(UserWarning, match="does not name 2 of the audio files"):
        result = mgr_jax.evaluate(run, class_names=names, leave_out_unknown=True, **options)
    of = {path: result.tracks.classes[label] for path, label in by_path(result).items()}
    assert of == {f"{genre}/{n}.wav": genre for genre in ("hiss", "hum") for n in range(4)}
    assert {one.path: one.kind for one in result.left_out} == {
        "beat/0.wav": "no_class",
        "beat/1.wav": "no_class",
        "beat/2.wav": "no_label",
        "beat/3.wav": "no_label",
        "hum/missing.wav": "no_file",
        "hum/silent.wav": "unusable",
        "hum/broken.wav": "unusable",
    }
    listed = read_csv(run / "predictions" / "mine_left_out.csv")
    assert {row["path"]: row["kind"] for row in listed} == {
        one.path: one.kind for one in result.left_out
    }
    for named in ("silent.wav", "broken.wav", "beat/0.wav", "hum/missing.wav"):
        assert named in str(result)
    # The names may stand in a file.
    mapping = tmp_path / "names.csv"
    mapping.write_text("label,class\nwhite noise,hiss\nspeech,\npolka,\n", encoding="utf-8")
    with pytest.warns(UserWarning, match="does not name"):
        again = mgr_jax.evaluate(run, class_names=mapping, **options)
    assert by_path(again) == by_path(result)


def test_mistakes_are_listed_the_surest_first(run, tmp_path):
    folder = make_files(tmp_path / "mine")
    swapped = {"hum": "hiss", "hiss": "hum"}
    result = mgr_jax.evaluate(run, folder=folder, class_names=swapped, **QUIET)
    answers = result.tracks.probabilities.argmax(axis=1)
    wrong = set(result.tracks.track[answers != result.tracks.label].tolist())
    assert {one.path for one in result.mistakes} == wrong
    assert len(wrong) >= 8
    surest = [one.probability for one in result.mistakes]
    assert surest == sorted(surest, reverse=True)
    row = result.tracks.track.tolist().index(result.mistakes[0].path)
    assert surest[0] == pytest.approx(result.tracks.probabilities[row].max())
    listed = read_csv(run / "predictions" / "mine_mistakes.csv")
    assert [line["path"] for line in listed] == [one.path for one in result.mistakes]
    assert listed[0]["label"] == result.mistakes[0].label
    assert result.scores["track"]["accuracy"][0] == accuracy_score(result.tracks.label, answers)
    assert result.mistakes[0].path in str(result)


def test_coverage_and_precision_are_told_where_some_are_undecided(run, tmp_path):
    folder = make_files(tmp_path / "mine")
    plain = mgr_jax.evaluate(run, folder=folder, **QUIET)
    best = plain.tracks.probabilities.max(axis=1)
    least = float(np.median(best))
    thresholds = dict.fromkeys(plain.tracks.classes, least)
    described = read_description(run)
    dataclasses.replace(described, decisions=Decisions(thresholds=thresholds)).save(run)
    result = mgr_jax.evaluate(run, folder=folder, **QUIET)
    told = best >= least
    right = (plain.tracks.probabilities.argmax(axis=1) == plain.tracks.label)[told]
    assert 0 < told.sum() < len(told)
    scored = result.scores["told"]["track"]
    assert scored["told"] == told.sum()
    for found, count, trials in (
        (scored["coverage"], told.sum(), len(told)),
        (scored["precision"], right.sum(), len(right)),
    ):
        limits = binomtest(int(count), int(trials)).proportion_ci(method="wilson")
        assert found == pytest.approx([count / trials, *limits])
    assert "told, not undecided: precision" in str(result)
    assert "told" not in plain.scores
    assert result.scores["track"] == plain.scores["track"]  # which decisions do not change


def test_artists_on_both_sides_are_told(run, tmp_path):
    folder = make_files(tmp_path / "mine", per_genre=2)
    trained = json.loads((run / "tracks.json").read_text(encoding="utf-8"))["train"]
    genre, file = trained[0].split("/")
    known = f"{genre}-artist-{file[0]}"
    rows = [f"{g}/{n}.wav,{g},{known.upper() if n else ''}" for g in GENRES for n in range(2)]
    (folder / "index.csv").write_text("\n".join(["path,genre,artist", *rows]), encoding="utf-8")
    with pytest.warns(UserWarning, match="3 files are by 1 artists"):
        result = mgr_jax.evaluate(run, folder=folder, **QUIET)
    assert (result.protocol.crossing_artists, result.protocol.unknown_artists) == (1, 3)


def test_what_makes_no_sense_is_refused(run, tmp_path, monkeypatch):
    folder = make_files(tmp_path / "test", per_genre=1)
    with user_error("file.name_taken", "test"):
        mgr_jax.evaluate(run, folder=folder, **QUIET)
    scored = mgr_jax.evaluate(run, "validation", progress=False)
    for suffix in ("npz", "json"):  # as of splits by other names
        old = run / "predictions" / f"validation.{suffix}"
        shutil.copy(old, old.with_stem("another"))
    assert scored.protocol.name == "dataset"
    with user_error("file.name_taken", "another"):
        mgr_jax.evaluate(run, folder=folder, name="another", **QUIET)
    with user_error("argument.choose_one"):
        mgr_jax.evaluate(run, "test", folder=folder, **QUIET)
    with user_error("argument.not_applicable", "labels"):
        mgr_jax.evaluate(run, labels=tmp_path / "labels.csv")
    with user_error("unknown_name", "hum"):
        mgr_jax.evaluate(run, folder=folder, name="mine", class_names="hum=hummm", **QUIET)
    bare = tmp_path / "bare"
    bare.mkdir()
    soundfile.write(bare / "a.wav", make_clip("hum", 0), RATE)
    with user_error("table.no_labels", bare):
        mgr_jax.evaluate(run, folder=bare, **QUIET)
    predictor = mgr_jax.load(run)
    predictor.spec = dataclasses.replace(predictor.spec, task="multi_label")
    monkeypatch.setattr("mgr_jax.runs.evaluate_folder.load", lambda *args, **options: predictor)
    with user_error("task.needs_single_label"):
        mgr_jax.evaluate(run, folder=folder, name="mine", **QUIET)


def test_the_command_line_scores_a_folder_and_reports_it(run, tmp_path, capsys):
    folder = make_files(tmp_path / "mine")
    main(["evaluate", f"--model={run}", f"--folder={folder}", "--name=own", "--workers=0"])
    told = capsys.readouterr().out
    assert "own: 12 tracks" in told
    assert all(genre in told for genre in GENRES)
    main(["report", f"--model={run}", "--split=own"])
    assert (run / "report" / "own" / "confusion_matrix.png").exists()
    assert (run / "report" / "own" / "report.md").exists()
