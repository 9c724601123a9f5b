"""A frozen network is taught genres: its model says what the table says, and scores are honest."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest
import soundfile
from errors import user_error
from flax.traverse_util import flatten_dict

import mgr_jax
from mgr_jax.array_files import read_arrays
from mgr_jax.classifier import create_classifier, init_variables
from mgr_jax.data.pipeline import open_split
from mgr_jax.model_folder import read_description
from mgr_jax.runs.run import Run
from mgr_jax.runs.teaching import work as teach_work
from mgr_jax.runs.teaching.choice import choose
from mgr_jax.runs.teaching.heads import Settings
from mgr_jax.training.transfer import initial_variables

RATE = 12_000
GENRES = ("hum", "hiss", "beat")
QUIET = {"progress": False, "workers": 0, "svm": False}
QUICK = QUIET | {"folds": 2}


def make_clip(genre, artist, track, seconds=2.0):
    """What the encoder has learnt to tell apart, as none of its tracks."""
    rng = np.random.default_rng([GENRES.index(genre), artist, track, 7])
    time = np.arange(int(seconds * RATE)) / RATE
    noise = rng.standard_normal(len(time))
    hum = np.sin(2 * np.pi * rng.uniform(150, 400) * time) + 0.01 * noise
    clip = {"hum": hum, "hiss": noise, "beat": noise * np.exp(-20 * (time % 0.3))}[genre]
    return (0.2 * clip / np.abs(clip).max()).astype(np.float32)


def write_songs(folder, songs, seconds=2.0):
    """Files by path: (what is heard, artist, number)."""
    for path, (genre, artist, track) in songs.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / path, make_clip(genre, artist, track, seconds), RATE)
    return folder


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Two genres that the encoder calls otherwise, of four albums with two songs each."""
    songs = {
        f"{genre}/{heard} {album}/{song}.wav": (heard, 20 + album, song)
        for genre, heard in (("Tönend", "hum"), ("Rausch", "hiss"))
        for album in range(4)
        for song in range(2)
    }
    return write_songs(tmp_path_factory.mktemp("mine"), songs)


@pytest.fixture(scope="module")
def taught(trained_run, music, tmp_path_factory):
    """A model that was taught these."""
    out = tmp_path_factory.mktemp("models") / "mine"
    return mgr_jax.teach(music, on=trained_run, out=out, **QUIET)


def test_the_score_is_of_songs_whose_albums_were_left_out(taught):
    scores = {row["system"]: row["accuracy"][0] for row in taught.scores}
    assert scores["taught"] == 1.0
    assert scores["majority class"] == 0.5  # one answer for all, whatever the folds
    assert taught.account["groups"] == {"folder": 16}
    assert taught.account["folds"] == 8
    assert "folder" in taught.result.protocol.sentence
    assert len(taught.result.tracks.track) == 16
    lines = str(taught).split("\n")
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 80
    assert (taught.path / "report" / "outer_folds" / "report.md").exists()
    assert "| taught |" in (taught.path / "teach.md").read_text(encoding="utf-8")


def test_the_model_needs_nothing_else_and_says_what_its_songs_said(taught, music, tmp_path):
    moved = shutil.copytree(taught.path, tmp_path / "elsewhere")
    shutil.rmtree(moved / "embeddings")
    predictor = mgr_jax.load(moved)
    assert predictor.classes == ("Rausch", "Tönend")
    for path in ("Tönend/hum 3/1.wav", "Rausch/hiss 0/0.wav"):
        prediction = predictor.predict(music / path)
        assert prediction.label == path.split("/")[0]
        assert len(prediction.embedding) == len(prediction.segment_embeddings[0])
    quiet = {"progress": False, "workers": 0}
    with user_error("split.empty", "trained on"):
        mgr_jax.evaluate(moved, folder=music, **quiet)
    found = mgr_jax.evaluate(moved, folder=music, include_trained=True, **quiet)
    assert found.scores["track"]["accuracy"][0] == 1.0


def test_training_begins_with_the_encoder_of_a_taught_model(taught, trained_run, tiny_config):
    tiny_config.model = Run.open(trained_run).config.model
    splits = {name: open_split(tiny_config, name) for name in ("train", "validation")}
    classifier, spec = create_classifier(tiny_config, len(splits["train"].classes))
    fresh = init_variables(classifier, spec, 0)
    begun = []
    for folder in (taught.path, trained_run):
        tiny_config.init_from = str(folder)
        begun.append(flatten_dict(initial_variables(fresh, tiny_config, splits)[0], sep="/"))
    same = [n for n, array in begun[0].items() if np.array_equal(array, begun[1][n])]
    # Of another head: that of the taught model is of other classes.
    assert {name.split("/")[-2] for name in begun[0].keys() - set(same)} <= {"head"}
    assert any(not np.array_equal(begun[0][n], a) for n, a in flatten_dict(fresh, sep="/").items())


@pytest.mark.parametrize(
    "settings",
    [
        Settings("linear", "whole", penalty=1.0),
        Settings("mlp", penalty=0.1, units=7),
        Settings("knn", neighbours=3),
    ],
    ids=lambda settings: settings.kind,
)
def test_every_head_tells_of_a_file_what_it_told_of_its_embedding(
    settings, trained_run, music, taught, tmp_path, monkeypatch
):
    head = None

    def chosen(songs, **options):
        nonlocal head
        choice = teaching_choice(songs, **options)
        choice = type(choice)(settings, 0.3, 0.7, {})
        head = choice.fit(songs)
        return choice

    teaching_choice = choose
    monkeypatch.setattr(teach_work, "choose", chosen)
    out = tmp_path / "mine"
    shutil.copytree(taught.path / "embeddings", out / "embeddings")
    mapping = {"Tönend": ["hum"], "Rausch": ["hiss", "beat"]}
    mgr_jax.teach(music, on=trained_run, out=out, mapping=mapping, **QUICK)
    path = music / "Rausch/hiss 1/0.wav"
    encoder = mgr_jax.load(trained_run).predict(path)
    heard = dict(zip(encoder.classes, encoder.probabilities.T, strict=True))
    untrained = np.stack([np.maximum(heard["hiss"], heard["beat"]), heard["hum"]], axis=1)
    expected = head.probabilities(encoder.segment_embeddings, untrained)
    told = mgr_jax.load(out).predict(path)
    np.testing.assert_allclose(told.probabilities, expected, atol=1e-4)
    np.testing.assert_allclose(told.track_probabilities, expected.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(told.embedding, encoder.embedding, atol=1e-4)


def test_songs_are_added_without_embedding_those_of_before(taught, music, tmp_path, monkeypatch):
    out = shutil.copytree(taught.path, tmp_path / "mine")
    (out / "notes.txt").write_text("of mine", encoding="utf-8")
    more = {f"Takt/{n}.wav": ("beat", 30 + n, 0) for n in range(4)}
    more["_other/x.wav"], more["_other/y.wav"] = ("hum", 90, 1), ("hum", 91, 1)
    write_songs(tmp_path / "more", more)
    asked = []
    embed = mgr_jax.Predictor.predict_files

    def listen(self, files, **options):
        asked.extend(files)
        return embed(self, files, **options)

    monkeypatch.setattr(mgr_jax.Predictor, "predict_files", listen)
    made = mgr_jax.teach(tmp_path / "more", out=out, add=True, **QUICK)
    assert sorted(asked) == sorted(str(tmp_path / "more" / path) for path in more)
    assert made.account["genres"] == {"Rausch": 8, "Takt": 4, "Tönend": 8, "_other": 2}
    assert (out / "notes.txt").exists()
    mgr_jax.teach([music, tmp_path / "more"], out=out, **QUICK)
    assert len(asked) == len(more)
    (tmp_path / "more" / "Takt" / "0.wav").unlink()
    made = mgr_jax.teach(out=out, add=True, **QUICK)
    assert "1 of the 22 earlier songs" in " ".join(made.account["notes"])
    shutil.rmtree(tmp_path / "more")
    with user_error("folder.not_found", tmp_path / "more", "restore it"):
        mgr_jax.teach(out=out, add=True, **QUICK)


def test_what_is_like_the_others_is_undecided(taught, tmp_path, trained_run):
    songs = {
        f"{genre}/{n}.wav": (heard, 40 + n, 0)
        for genre, heard in (("tone", "hum"), ("noise", "hiss"), ("_other", "beat"))
        for n in range(4)
    }
    folder = write_songs(tmp_path / "songs", songs)
    made = mgr_jax.teach(folder, on=trained_run, out=tmp_path / "mine", **QUICK)
    prediction = mgr_jax.load(made.path).predict(make_clip("beat", 60, 0), RATE)
    assert (prediction.label, prediction.answer.reason) == ("undecided", "other")
    assert "none of the genres" in prediction.describe()


def test_no_file_is_left_out_without_a_word(taught, tmp_path, trained_run):
    songs = {f"{g}/{n}.wav": (g, 50 + n, 0) for g in GENRES[:2] for n in range(3)}
    songs |= {"hum/twin.wav": ("hum", 70, 0), "hiss/twin.wav": ("hum", 70, 0)}
    songs |= {"beat/alone.wav": ("beat", 50, 0), "nowhere.wav": ("hum", 71, 0)}
    folder = write_songs(tmp_path / "songs", songs)
    (folder / "hum" / "broken.wav").write_bytes(b"RIFF")
    (folder / "hum" / "empty.mp3").write_bytes(b"")
    soundfile.write(folder / "hiss" / "silence.wav", np.zeros(RATE), RATE)
    made = mgr_jax.teach(folder, on=trained_run, out=tmp_path / "mine", **QUICK)
    left = {one.path: one.reason for one in made.left_out}
    used = {song["name"] for song in made.account["songs"]}
    everything = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert used | left.keys() >= everything - {"hum/empty.mp3"}
    assert "same sound" in left["hum/twin.wav"]
    assert "same sound" in left["hiss/twin.wav"]
    assert "beat" in " ".join(made.account["notes"])  # one song, which cannot be scored
    assert "beat" in mgr_jax.load(made.path).classes


def test_an_interrupted_call_goes_on(music, trained_run, tmp_path, monkeypatch):
    embed, asked = mgr_jax.Predictor.predict_files, []

    def stop(self, files, **options):
        asked.append(list(files))
        for number, file in enumerate(embed(self, files, **options)):
            if len(asked) == 1 and number == 5:
                raise KeyboardInterrupt
            yield file

    monkeypatch.setattr(mgr_jax.Predictor, "predict_files", stop)
    call = {"on": trained_run, "out": tmp_path / "mine", **QUICK}
    with pytest.raises(KeyboardInterrupt):
        mgr_jax.teach(music, **call)
    assert not (tmp_path / "mine" / "model.json").exists()
    made = mgr_jax.teach(music, **call)
    assert list(map(len, asked)) == [16, 11]
    assert len(made.account["songs"]) == 16


def test_what_cannot_be_taught_is_one_sentence(taught, music, trained_run, tmp_path):
    one = write_songs(tmp_path / "one", {"hum/a.wav": ("hum", 1, 0), "hum/b.wav": ("hum", 2, 0)})
    out = tmp_path / "new"
    with user_error("data.one_genre", one):
        mgr_jax.teach(one, on=trained_run, out=out, **QUICK)
    with user_error("folder.not_found", tmp_path / "nothing"):
        mgr_jax.teach(tmp_path / "nothing", on=trained_run, out=tmp_path / "other", **QUICK)
    with user_error("folder.exists", music):
        mgr_jax.teach(music, on=trained_run, out=music, **QUICK)
    with user_error("teach.other_music", taught.path):
        mgr_jax.teach(one, on=trained_run, out=taught.path, **QUICK)
    with user_error("teach.nothing_to_add_to"):
        mgr_jax.teach(one, on=trained_run, out=tmp_path / "none", add=True, **QUICK)
    with user_error("teach.taught", taught.path):
        mgr_jax.teach(music, on=taught.path, out=tmp_path / "twice", **QUICK)
    for wrong in ({"folds": 1}, {"seed": -1}):
        with user_error("argument.out_of_range", *wrong):
            mgr_jax.teach(music, on=trained_run, out=tmp_path / "range", **QUIET | wrong)
    with user_error("argument.missing"):
        mgr_jax.teach(music, out=tmp_path / "without", **QUICK)
    with user_error("teach.no_groups", "mood"):
        mgr_jax.teach(music, on=trained_run, out=taught.path, group_by="mood", **QUICK)
    other = shutil.copytree(trained_run, tmp_path / "other_encoder")
    kept = read_description(other)
    dataclasses.replace(kept, classes=("a", "b", "c")).save(other)
    with user_error("teach.other_encoder", "encoder"):
        mgr_jax.teach(music, on=other, out=taught.path, add=True, **QUICK)


def test_artists_of_an_index_stay_together(music_folder, trained_run, tmp_path):
    made = mgr_jax.teach(music_folder, on=trained_run, out=tmp_path / "mine", **QUICK)
    artists = {
        row["path"]: row["artist"] for row in csv.DictReader((music_folder / "index.csv").open())
    }
    for song in made.account["songs"]:
        assert song["group"] == f"artist {artists[song['name']]}"
    # The encoder has learnt these genres, under these names.
    assert made.account["mapping"] == {genre: [genre] for genre in GENRES}
    scores = {row["system"]: row["accuracy"][0] for row in made.scores}
    assert scores["taught"] >= scores["untrained outputs"]


def test_the_folder_keeps_what_was_embedded(taught):
    parts = [read_arrays(path) for path in (taught.path / "embeddings").glob("part-*.npz")]
    items = [item for part in parts for item in json.loads(str(part["items"]))]
    assert len(items) == 16
    assert all(item["sound"] and item["rows"] for item in items)
