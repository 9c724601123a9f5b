"""Many files through one model: each as it comes, none lost, and none left out without a word."""

import io
import json
import os
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from encoded import by_soundfile, tune
from errors import user_error
from mutagen.flac import FLAC
from stub_predictor import stand_in

import mgr_jax
from mgr_jax.audio.io import AudioWarning, read_audio
from mgr_jax.files import open_locked
from mgr_jax.prediction.origin import describe_origin
from mgr_jax.prediction.plan import TRANSIENT
from mgr_jax.side_inputs import SideInputs

pytestmark = pytest.mark.filterwarnings("ignore:.* is cut short:mgr_jax.audio.io.AudioWarning")
NAMES = ("a.mp3", "bad.mp3", "b_unsure.mp3", "c_cut.mp3", "killed.mp3", "d.mp3")


@pytest.fixture
def predictor(monkeypatch):
    return stand_in(monkeypatch)


@pytest.fixture
def songs(tmp_path, monkeypatch):
    """A folder of files, in the folder that one is in."""
    monkeypatch.chdir(tmp_path)
    Path("songs").mkdir()
    for name in NAMES:
        Path("songs", name).write_text(name)
        os.utime(f"songs/{name}", ns=(10**18, 10**18 + 1))
    return Path("songs")


def run(files="songs", **options):
    """Predicts all; returns the predictions and the results that came."""
    found = mgr_jax.predict_files("runs/a", [files], **{"out": "genres"} | options)
    return found, list(found.files())


def content(folder="."):
    return {str(p): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


# As they come.


def test_files_are_predicted_as_they_are_asked_for(predictor, capsys):
    predictions = mgr_jax.predict_files("run", ["a.mp3", "bad.mp3", Path("b.mp3"), "bad2.mp3"])
    assert predictor.asked == []
    for name, prediction in predictions:
        assert name == "a.mp3"
        assert prediction.classes == predictor.classes
        break
    assert predictor.asked == ["a.mp3"]
    assert [name for name, _ in predictions] == ["b.mp3"]
    assert predictions.failures == ["bad.mp3 cannot be decoded", "bad2.mp3 cannot be decoded"]
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_folders_are_searched(predictor, music_folder):
    found = mgr_jax.predict_files("run", [music_folder / "hum", "x.mp3"])
    names = [*(str(path) for path in sorted((music_folder / "hum").iterdir())), "x.mp3"]
    assert [name for name, _ in found] == names


@pytest.mark.parametrize("given", [{}, {"files": ["a.mp3"], "features": "mel.npz"}])
def test_files_or_features_are_given(predictor, given):
    with user_error("argument.choose_one", "audio files", "`features`"):
        mgr_jax.predict_files("run", **given)


def test_a_table_that_is_missing_is_told_before_any_file_is_read(predictor):
    predictor.side = SideInputs(columns=("tempo",), mean=(0.0,), scale=(1.0,))
    with user_error("side_inputs.wrong_row", "1 finite numbers", "tempo"):
        mgr_jax.predict_files("run", ["bad.mp3", "a.mp3"])
    assert predictor.asked == []


def test_a_folder_without_audio_is_named(predictor, tmp_path):
    with user_error("audio.no_files", tmp_path, ".opus"):
        mgr_jax.predict_files("run", [tmp_path])


def test_what_is_told_of_files_is_told_as_they_come_and_kept(predictor):
    predictions = mgr_jax.predict_files("run", ["a.mp3", "cut.mp3", "cut2.mp3"])
    with pytest.warns(AudioWarning) as caught:
        list(predictions)
    told = {f"{n}.mp3": f"{n}.mp3 is cut short; using what is there" for n in ("cut", "cut2")}
    assert [str(w.message) for w in caught] == list(told.values())
    assert predictions.notes == {name: (note,) for name, note in told.items()}


@pytest.mark.parametrize(("in_order", "first"), [(True, "a.mp3"), (False, "killed.mp3")])
def test_results_come_in_the_order_of_the_files_or_as_they_are_done(
    predictor, songs, in_order, first
):
    _, files = run(in_order=in_order)
    assert Path(files[0].name).name == first
    assert {Path(file.name).name for file in files} == set(NAMES)


# Going on.


def test_the_same_call_skips_what_is_done_and_remembers_what_is_broken(predictor, songs, recwarn):
    first, files = run()
    assert predictor.asked == sorted(NAMES)
    told = list(first.failures)
    record = Path("genres.jsonl").read_bytes()
    predictor.asked.clear()
    second, again = run()
    assert predictor.asked == ["killed.mp3"]  # there may be more memory this time
    assert second.failures == told
    assert [file.name for file in again] == [file.name for file in files]
    for one, other in zip(files, again, strict=True):
        assert (one.size, one.modified, one.seconds) == (other.size, other.modified, other.seconds)
        assert str(one.error) == str(other.error)
        if one.prediction:
            assert one.prediction.describe() == other.prediction.describe()
    assert sorted(record.splitlines()) == sorted(Path("genres.jsonl").read_bytes().splitlines())
    assert str(second) == (
        "Wrote genres.jsonl, genres.csv: 6 files (5 done before), 2 of them could not be read."
    )


def test_what_has_changed_is_predicted_anew(predictor, songs):
    run()
    predictor.asked.clear()
    (songs / "bad.mp3").write_text("whole now")
    os.utime(songs / "a.mp3", ns=(10**18, 10**18 + 2))
    (songs / "e.mp3").touch()
    run()
    assert predictor.asked == ["a.mp3", "bad.mp3", "e.mp3", "killed.mp3"]
    rows = mgr_jax.read_results("genres.csv")
    assert rows == mgr_jax.read_results("genres.jsonl")
    assert sorted(Path(row.file).name for row in rows) == sorted([*NAMES, "e.mp3"])
    assert {row.modified for row in rows if row.file.endswith("/a.mp3")} == {10**18 + 2}


@pytest.mark.parametrize("done", [0, 1, 3, 6])
@pytest.mark.parametrize("left", ["whole lines", "half a line", "no table"])
def test_after_a_kill_it_comes_to_the_same(predictor, songs, done, left):
    formats = ("csv", "audacity", "m3u", "parquet")
    run(out="whole/genres", formats=formats)
    found = mgr_jax.predict_files("runs/a", [songs], out="killed/genres", formats=formats)
    files = found.files()
    for _ in range(done):
        next(files)
    held = Path("killed/genres.jsonl").read_bytes() if done else b""
    assert len(held.splitlines()) == done  # before the next is asked for
    files.close()
    del found, files  # and with it the lock, as a kill does
    lines = Path("whole/genres.jsonl").read_bytes().splitlines(keepends=True)
    if left == "half a line" and done < len(lines):
        Path("killed/genres.jsonl").write_bytes(held + lines[done][:-9])
    if left == "no table":
        Path("killed/genres.csv").unlink()
    run(out="killed/genres", formats=formats)
    whole, killed = content("whole"), content("killed")
    assert [*killed] == [name.replace("whole", "killed", 1) for name in whole]
    for (name, one), other in zip(whole.items(), killed.values(), strict=True):
        assert sorted(one.splitlines()) == sorted(other.splitlines()), name


def test_a_damaged_line_is_told_and_its_file_predicted_anew(predictor, songs):
    run()
    path = Path("genres.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0].replace(b"0", b"1", 1), *lines[1:]]))
    predictor.asked.clear()
    with pytest.warns(UserWarning, match=r"genres\.jsonl is damaged in line 1;"):
        found = mgr_jax.predict_files("runs/a", [songs], out="genres")
    list(found)
    assert predictor.asked == ["a.mp3", "killed.mp3"]
    assert sorted(path.read_bytes().splitlines()) == sorted(b"".join(lines).splitlines())


def test_wherever_a_record_is_damaged_it_comes_to_the_same(predictor, songs):
    (songs / "killed.mp3").unlink()
    run()
    path = Path("genres.jsonl")
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for place in [3, *rng.integers(0, len(whole), 60)]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        predictor.asked.clear()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run()
        told = [str(w.message) for w in caught if "is damaged" in str(w.message)]
        assert sorted(path.read_bytes().splitlines()) == sorted(whole.splitlines()), place
        assert mgr_jax.read_results("genres.csv") == mgr_jax.read_results(path)
        # With an end of line, two lines are lost; the last line may also be half of one.
        assert len(predictor.asked) in (1, 2)
        assert len(told) == (place < len(whole) - 1), place


def test_an_empty_line_is_nothing_lost(predictor, songs, recwarn):
    (songs / "killed.mp3").unlink()
    run()
    path = Path("genres.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"\n", b"\n\n"))
    rows = mgr_jax.read_results(path)
    predictor.asked.clear()
    run()
    assert (predictor.asked, path.read_bytes()) == ([], whole)
    assert mgr_jax.read_results(path) == rows
    assert not [w for w in recwarn if "damaged" in str(w.message)]


def test_models_and_settings_do_not_mix(predictor, songs):
    run()
    before = content()
    with user_error("results.other_settings", "genres.jsonl", "timeline = False", "`out`"):
        run(timeline=True)
    with user_error("results.other_settings", "min_probability = None", "0.5"):
        run(rules=mgr_jax.Rules(min_probability=0.5))
    with user_error("results.other_settings", "no `genre_tree`"):
        run(rules=mgr_jax.Rules(genre_tree={"rock": "music"}))
    predictor.digest = "4567"
    with user_error("results.other_model", "genres.jsonl", "`out`"):
        run()
    assert content() == before


@pytest.mark.parametrize("name", ["genres.jsonl", "genres.csv", "genres.parquet"])
@pytest.mark.parametrize("held", ["a line of mine\n", "no end", '{"schema": 1}\n'])
def test_files_of_others_are_left_alone(predictor, songs, name, held):
    Path(name).write_text(held)
    with user_error("results.foreign_file", name, "`out`"):
        run(formats=("csv", "parquet"))
    assert Path(name).read_text() == held


@pytest.mark.parametrize(
    ("name", "is_folder"),
    [
        ("genres.jsonl", True),
        ("genres.csv", True),
        ("genres.labels", False),
        ("genres.playlists", False),
        ("genres.timelines", False),
    ],
)
def test_a_place_that_is_taken_is_told_before_the_work(predictor, songs, name, is_folder):
    if is_folder:
        Path(name).mkdir()
    else:
        Path(name).touch()
    code = "file.is_folder" if is_folder else "results.foreign_file"
    with user_error(code, name, "`out`"):
        run(formats=("csv", "audacity", "m3u", "png"))
    assert predictor.asked == []


def test_what_did_not_fit_into_memory_is_tried_again(songs, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("mgr_jax.audio.io.pass_gate", full)
    with pytest.raises(mgr_jax.UserError, match="memory") as told:
        read_audio(songs / "a.mp3", 12_000)
    assert told.value.code in TRANSIENT


def test_two_processes_do_not_write_one_record(predictor, songs):
    with (
        open_locked(Path(".genres.jsonl.lock")),
        user_error("folder.in_use", "genres.jsonl", "another process"),
    ):
        run()


def test_predictions_that_are_left_early_hold_their_record_until_they_are_closed(predictor, songs):
    for asked in (0, 1):  # also of nothing, before a file was asked for
        left = mgr_jax.predict_files("runs/a", [songs], out="genres")
        for _ in range(asked):
            next(iter(left))
        with user_error("folder.in_use", "genres.jsonl", "`close()`"):
            run()
        left.close()
        assert list(left.files()) == []
    run()


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(predictor, songs):
    run()
    (songs / "d.mp3").write_text("changed")
    (songs / "new.mp3").touch()
    before = content()
    predictor.asked.clear()
    found = mgr_jax.predict_files("runs/a", [songs], out="genres", dry_run=True)
    assert list(found) == predictor.asked == []
    assert content() == before
    assert {Path(one.file).name: one.status for one in found.plan} == {
        "a.mp3": "done",
        "bad.mp3": "broken",
        "b_unsure.mp3": "done",
        "c_cut.mp3": "done",
        "killed.mp3": "again",
        "d.mp3": "changed",
        "new.mp3": "new",
    }
    told = [str(one) for one in found.plan]
    assert "broken  songs/bad.mp3 (songs/bad.mp3 cannot be decoded)" in told
    found = mgr_jax.predict_files("runs/a", [songs], out="elsewhere/genres", dry_run=True)
    assert {one.status for one in found.plan} == {"new"}
    assert content() == before
    assert not Path("elsewhere").exists()


def test_another_format_is_made_without_predicting_anew(predictor, songs):
    (songs / "killed.mp3").unlink()
    run()
    predictor.asked.clear()
    run(formats=("parquet", "audacity", "m3u"))
    assert predictor.asked == []
    rows = mgr_jax.read_results("genres.jsonl")
    assert mgr_jax.read_results("genres.parquet") == rows
    assert len(mgr_jax.read_results("genres.labels")) == 4
    told = {row.file for row in rows if row.labels}
    assert {row.file for row in mgr_jax.read_results("genres.playlists")} == told


def test_the_suffix_of_a_format_may_be_given(predictor, songs):
    run(out="a.csv")
    run(out="b.parquet", formats=("parquet",))
    run(out="c.v2", formats=("csv",))
    names = {path.name for path in Path().iterdir()} - {"songs"}
    assert names == {"a.jsonl", "a.csv", "b.jsonl", "b.parquet", "c.v2.jsonl", "c.v2.csv"}


def test_results_beside_songs_replace_no_file_of_others(predictor, songs):
    (songs / "d.mp3.mgr-jax.txt").write_text("0.0\t1.0\tmy own label\n")
    with pytest.warns(UserWarning, match=r"1 files of other programs .*d\.mp3\.mgr-jax\.txt"):
        run(beside=True, formats=("audacity", "csv"))
    assert (songs / "d.mp3.mgr-jax.txt").read_text() == "0.0\t1.0\tmy own label\n"
    there = {path.name for path in songs.iterdir()} - set(NAMES)
    wanted = {f"{n}.mgr-jax.{s}" for n in NAMES for s in ("txt", "csv")}
    assert there == wanted - {"bad.mp3.mgr-jax.txt", "killed.mp3.mgr-jax.txt"}
    (row,) = mgr_jax.read_results(songs / "a.mp3.mgr-jax.csv")
    assert row in mgr_jax.read_results("genres.jsonl")
    # What we have written of a song goes when the song has changed.
    (songs / "a.mp3").rename(songs / "bad_now.mp3")
    (songs / "a.mp3").write_text("longer than it was")
    (songs / "d.mp3.mgr-jax.txt").unlink()
    run(beside=True, formats=("audacity", "csv"))
    (row,) = mgr_jax.read_results(songs / "a.mp3.mgr-jax.csv")
    assert row.size == 18
    assert (songs / "d.mp3.mgr-jax.txt").read_text().startswith("0.000000\t4.000000\t")


@pytest.mark.parametrize("options", [{"beside": True}, {"formats": ("audacity",)}])
def test_a_file_that_cannot_be_written_costs_no_other_its_results(predictor, songs, options):
    name = f"{'x' * 250}.mp3"
    (songs / name).touch()
    found = mgr_jax.predict_files("m", [songs], out="genres", **options)
    with user_error("results.not_written", "1 files", name, "the record has"):
        list(found)
    assert len(mgr_jax.read_results("genres.jsonl")) == len(NAMES) + 1
    written = [path for path in Path().rglob("*") if path.suffix in (".txt", ".csv")]
    assert len(written) == (len(NAMES) if "beside" in options else len(NAMES) - 2)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"formats": ("csv", "xml")}, "unknown_name"),
        ({"beside": True, "out": None}, "argument.not_applicable"),
        ({"beside": True, "formats": ("m3u",)}, "argument.not_applicable"),
    ],
)
def test_formats_that_cannot_be_are_refused(predictor, songs, options, code):
    with user_error(code):
        run(**options)


def test_a_bar_tells_files_hours_speed_and_what_is_left(predictor, songs, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    run(progress=True)
    last = sys.stderr.getvalue().rsplit("\r", 1)[-1]
    assert "6/6" in last
    assert "h of audio" in last
    assert "x real time" in last
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    run(out="other", progress=True)
    assert sys.stderr.getvalue() == ""


def test_the_digest_is_of_the_weights_and_of_the_description(trained_run, tmp_path):
    copy = shutil.copytree(trained_run, tmp_path / "copy")
    digest = describe_origin(trained_run, "best", {}).model_digest
    assert describe_origin(copy, "best", {}).model_digest == digest
    steps = sorted(int(path.name) for path in (copy / "checkpoints").glob("[0-9]*"))
    others = {describe_origin(copy, step, {}).model_digest for step in steps}
    assert len(others) == len(steps)
    model = json.loads((copy / "model.json").read_text())
    model.pop("sha256")
    model["provenance"]["dataset"] = "another"
    (copy / "model.json").write_text(json.dumps(model))
    assert describe_origin(copy, "best", {}).model_digest != digest


# Tags.


def test_genres_are_written_into_files_which_then_count_as_done(predictor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    songs = {"a.flac": "FLAC", "b_unsure.mp3": "MP3", "bad.ogg": "OGG"}
    for name, form in songs.items():
        Path(name).write_bytes(by_soundfile(tune(1, 44_100), 44_100, form))
    before = content()
    shown, _ = run(".", out=None, write_tags="show")
    assert next(change.reason for change in shown.tag_changes) == "only shown"
    assert content() == before

    found, files = run(".", write_tags="keep")
    first, unsure, bad = found.tag_changes
    assert first.written
    assert first.after[1:] == ("music",)
    assert ("undecided" in unsure.reason, "cannot be decoded" in bad.reason) == (True, True)
    assert FLAC("a.flac")["genre"] == list(first.after)
    assert Path("b_unsure.mp3").read_bytes() == before["b_unsure.mp3"]
    assert files[0].size == Path("a.flac").stat().st_size

    asked = list(predictor.asked)
    again, _ = run(".", write_tags="keep")
    assert [one.is_done for one in again.plan] == [True] * 3
    assert predictor.asked == asked
    assert "already" in again.tag_changes[0].reason

    # What was predicted before is tagged too, and stays done.
    file = FLAC("a.flac")
    del file["genre"]
    file.save()
    os.utime("a.flac", ns=(0, found.plan[0].state.modified))
    later, _ = run(".", write_tags="replace")
    assert later.tag_changes[0].written
    assert FLAC("a.flac")["genre"] == list(first.after)
    assert mgr_jax.read_results("genres.csv") == mgr_jax.read_results("genres.jsonl")
    assert all(one.is_done for one in run(".", dry_run=True)[0].plan)
    with user_error("argument.not_applicable", "write_tags"):
        mgr_jax.predict_files("run", features="mel.npz", write_tags="keep")
