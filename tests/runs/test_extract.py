"""Extraction loses nothing: rows are Kaggle's, a kill costs one track, and all is read back."""

import csv
import functools
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from errors import user_error

import mgr_jax
from mgr_jax import extract_table
from mgr_jax.audio.io import Limits
from mgr_jax.data.feature_files import read_features
from mgr_jax.data.locate import find_dataset
from mgr_jax.data.prepare import prepare
from mgr_jax.data.sources import digest_dataset
from mgr_jax.features.journal import Journal
from mgr_jax.features.recipes import RECIPES, Recipe, find_recipe
from mgr_jax.features.rows import AudioTrack
from mgr_jax.runs.audio_tracks import dataset_tracks, folder_tracks
from mgr_jax.runs.extract import write_features

ROOT = Path(__file__).resolve().parent.parent.parent
RATE = 22_050


def measure(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """A recipe that costs nothing, and fails in the ways that real ones do."""
    peak = float(np.abs(waveform).max())
    if peak > 0.95:
        os._exit(11)  # what a crash in a C library looks like from outside
    if peak > 0.9:
        raise ValueError("too loud")
    return np.array([peak, waveform[0] / (peak or np.nan), sample_rate])


PLAIN = Recipe(("peak", "first", "rate"), measure)
DOTTED = Recipe(
    ("mfcc.mean.01", "mfcc.mean.02", "zcr.std.01"), measure, sample_rate=None, fma_header=True
)


def constant(level: float, samples: int) -> tuple[np.ndarray, int]:
    return np.full(samples, level, np.float32), RATE


def make_tracks(**levels: float) -> list[AudioTrack]:
    """Tracks of 1 s by name and level."""
    return [
        AudioTrack(f"{name}.wav", name, functools.partial(constant, level, RATE), label="low")
        for name, level in levels.items()
    ]


@pytest.fixture
def genres(tmp_path) -> Path:
    """blues/blues.0000N.wav of 661,794 samples and rock/rock.00000.wav of 660,000."""
    folder = tmp_path / "genres"
    for name, samples in (
        ("blues.00000", 661_794),
        ("blues.00001", 661_794),
        ("rock.00000", 660_000),
    ):
        path = folder / name.split(".")[0] / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(samples + int(name[-1])).uniform(-0.5, 0.5, samples)
        soundfile.write(path, noise, RATE)
    return folder


def read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(newline="") as file:
        header, *lines = csv.reader(file)
    return header, lines


@pytest.mark.parametrize(("seconds", "length"), [(0, 661_794), (30, 661_500), (10, 220_500)])
def test_a_table_has_kaggles_columns_and_names(genres, tmp_path, seconds, length):
    out = tmp_path / "a.csv"
    made = write_features(
        folder_tracks(genres, RATE), PLAIN, out, settings={}, seconds=float(seconds)
    )
    header, lines = read_csv(out)
    assert header == ["filename", "length", "peak", "first", "rate", "label"]
    assert len(lines) == made.rows
    assert lines[0][0] == ("blues.00000.0.wav" if seconds else "blues.00000.wav")
    assert lines[0][1] == str(length)
    assert [line[-1] for line in lines] == [line[0].split(".")[0] for line in lines]
    # 660,000 samples are 29.93 s, less than one segment of 30 s.
    assert list(made.skipped) == (["rock.00000.wav"] if seconds == 30 else [])
    assert json.loads((tmp_path / "a.csv.skipped.json").read_text()) == made.skipped


def test_three_seconds_are_kaggles_ten_rows_and_the_tail_is_dropped(genres, tmp_path):
    out = tmp_path / "a.csv"
    made = write_features(folder_tracks(genres, RATE), PLAIN, out, settings={}, seconds=3.0)
    _, lines = read_csv(out)
    names = [f"blues.0000{t}.{s}.wav" for t in range(2) for s in range(10)]
    assert [line[0] for line in lines] == names + [f"rock.00000.{s}.wav" for s in range(9)]
    assert made.rows == 29
    assert {line[1] for line in lines} == {"66150"}
    table = read_features(out)
    assert list(table.track_id) == ["blues.00000", "blues.00001", "rock.00000"]
    assert [len(frames) for frames in table.features] == [10, 10, 9]
    for track, path in enumerate(sorted(genres.rglob("*.wav"))):
        waveform, _ = soundfile.read(path, dtype="float32")
        for segment, row in enumerate(table.features[track]):
            np.testing.assert_array_equal(
                row, measure(waveform[66_150 * segment :][:66_150], RATE).astype(np.float32)
            )


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
@pytest.mark.parametrize("seconds", [0.0, 0.5])
@pytest.mark.parametrize("recipe", [PLAIN, DOTTED], ids=["kaggle", "fma"])
def test_what_is_written_of_a_dataset_is_read_back(data_dir, tmp_path, name, seconds, recipe):
    folder = find_dataset("audio_folder/music", sample_rate=12_000, data_dir=data_dir)
    tracks = dataset_tracks(folder)
    write_features(tracks, recipe, tmp_path / name, settings={}, seconds=seconds)
    table = read_features(tmp_path / name)
    assert table.columns == recipe.columns
    # The names without their folders (0-0.wav, …) are the same in every genre.
    assert list(table.track_id) == [track.track for track in tracks]
    assert table.track_id[0] == "beat/0-0"
    for field in ("label", "artist", "split"):
        assert list(getattr(table, field)) == [getattr(track, field) for track in tracks]
    assert set(table.split) == {"train", "validation", "test"}
    for track, frames in zip(tracks, table.features, strict=True):
        waveform, rate = track.load()
        parts = np.split(waveform, 4) if seconds else [waveform]  # clips of 2 s
        expected = [measure(part, rate) for part in parts]
        np.testing.assert_allclose(frames, np.array(expected), rtol=1e-6)


def test_parquet_keeps_float64_and_its_names(genres, tmp_path):
    write_features(
        folder_tracks(genres, None), DOTTED, tmp_path / "a.parquet", settings={}, seconds=10.0
    )
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.column_names == ["track", "filename", "length", *DOTTED.columns, "label"]
    assert table.column("mfcc.mean.01").type == "double"
    assert table.column("filename")[2].as_py() == "blues.00000.2.wav"


def test_fmas_files_are_called_by_number_and_read_at_their_own_rate(tmp_path):
    for track, rate in ((1001, 44_100), (20, 48_000), (3, 22_050)):
        path = tmp_path / f"fma_small/{track // 1000:03d}/{track:06d}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full((rate, 2), 0.1), rate)
    tracks = folder_tracks(tmp_path / "fma_small", DOTTED.sample_rate)
    write_features(tracks, DOTTED, tmp_path / "features.csv", settings={})
    header, lines = read_csv(tmp_path / "features.csv")
    assert header == ["feature", "mfcc", "mfcc", "zcr"]
    assert lines[:3] == [
        ["statistics", "mean", "mean", "std"],
        ["number", "01", "02", "01"],
        ["track_id", "", "", ""],
    ]
    assert [line[0] for line in lines[3:]] == ["3", "20", "1001"]
    assert [float(line[3]) for line in lines[3:]] == [22_050, 48_000, 44_100]
    assert read_features(tmp_path / "features.csv").track_id == ["3", "20", "1001"]


def test_a_crash_an_error_and_a_silent_track_cost_one_track_each(tmp_path):
    tracks = make_tracks(a=0.1, crash=1.0, loud=0.92, silent=0.0, z=0.2)
    made = write_features(tracks, PLAIN, tmp_path / "a.csv", settings={}, workers=2)
    assert (made.rows, made.tracks) == (2, 2)
    assert [line[0] for line in read_csv(tmp_path / "a.csv")[1]] == ["a.wav", "z.wav"]
    assert "crashed" in made.skipped["crash.wav"]
    assert made.skipped["loud.wav"] == "loud.wav has no features (ValueError: too loud)"
    assert "first is not a finite number; is it silent for 1 s" in made.skipped["silent.wav"]
    assert json.loads((tmp_path / "a.csv.skipped.json").read_text()) == made.skipped


def interrupt(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    if waveform[0] > 0.45:
        raise KeyboardInterrupt
    return measure(waveform, sample_rate)


def test_a_journal_cut_at_any_byte_gives_the_same_table(tmp_path):
    tracks = make_tracks(a=0.1, b=0.0, c=0.3, d=0.5)
    write_features(tracks, PLAIN, tmp_path / "whole.csv", settings={"x": 1})
    expected = (tmp_path / "whole.csv").read_bytes()
    assert not (tmp_path / "whole.csv.journal").exists()
    out, journal = tmp_path / "a.csv", tmp_path / "a.csv.journal"
    with pytest.raises(KeyboardInterrupt):
        write_features(tracks, Recipe(PLAIN.columns, interrupt), out, settings={"x": 1})
    assert not out.exists()
    content = journal.read_bytes()
    assert content.count(b"\n") == 4  # the settings and three tracks
    for size in range(0, len(content) + 1, 3):
        journal.write_bytes(content[:size])
        write_features(tracks, PLAIN, out, settings={"x": 1})
        assert out.read_bytes() == expected
        assert not journal.exists()
        out.unlink()


def test_finished_tracks_are_not_computed_again(tmp_path):
    out = tmp_path / "a.csv"
    tracks = make_tracks(a=0.1, b=0.3, d=0.5)
    with pytest.raises(KeyboardInterrupt):
        write_features(tracks, Recipe(PLAIN.columns, interrupt), out, settings={})
    seen = []

    def watch(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        seen.append(float(waveform[0]))
        return measure(waveform, sample_rate)

    write_features(tracks, Recipe(PLAIN.columns, watch), out, settings={})
    assert seen == [0.5]


def write_levels(folder: Path, **levels: float) -> None:
    for name, level in levels.items():
        alternating = level * (-1.0) ** np.arange(RATE)
        soundfile.write(folder / f"{name}.wav", alternating, RATE, "FLOAT")


@pytest.mark.parametrize("times", ["new", "old"])
def test_a_file_that_was_replaced_since_it_was_finished_is_computed_again(tmp_path, times):
    folder, out = tmp_path / "music", tmp_path / "a.csv"
    folder.mkdir()
    write_levels(folder, a=0.1, b=0.3, c=0.5)
    before = (folder / "b.wav").stat()
    with pytest.raises(KeyboardInterrupt):
        write_features(
            folder_tracks(folder, RATE), Recipe(PLAIN.columns, interrupt), out, settings={}
        )
    write_levels(folder, b=0.2)
    if times == "old":
        os.utime(folder / "b.wav", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (folder / "b.wav").stat().st_size == before.st_size
    seen = []

    def watch(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        seen.append(round(float(waveform[0]), 3))
        if waveform[0] > 0.45 and len(seen) == 2:
            raise KeyboardInterrupt
        return measure(waveform, sample_rate)

    recipe = Recipe(PLAIN.columns, watch)
    with pytest.raises(KeyboardInterrupt):
        write_features(folder_tracks(folder, RATE), recipe, out, settings={})
    write_features(folder_tracks(folder, RATE), recipe, out, settings={})
    assert seen == [0.2, 0.5, 0.5]  # the new b is kept, a is that of the first time
    table = read_features(out)
    np.testing.assert_allclose([f[0, 0] for f in table.features], [0.1, 0.2, 0.5], atol=1e-4)


def test_a_journal_of_a_dataset_that_was_prepared_anew_is_refused(tmp_path):
    folder = tmp_path / "music"
    for genre in ("jazz", "rock"):
        (folder / genre).mkdir(parents=True)
        write_levels(folder / genre, **{f"t{i}": 0.1 + i / 20 for i in range(3)})
    options = {"data_dir": tmp_path, "num_workers": 0, "progress": False}
    prepare("audio_folder", manual_dir=folder, **options)
    out = tmp_path / "a.csv"
    given = {"dataset": "audio_folder/music", "data_dir": tmp_path, "workers": 0}
    journal = out.with_name("a.csv.journal")
    settings = {"features": "mfcc_statistics", "corrected": False, "seconds": 0.0}
    found = find_dataset("audio_folder/music", sample_rate=RATE, data_dir=tmp_path)
    settings |= {"source": str(found), "content": digest_dataset(found), "sample_rate": RATE}
    with Journal(journal, settings | {"version": mgr_jax.__version__}):
        pass  # as if that had been killed
    write_levels(folder / "rock", t1=0.3)
    prepare("audio_folder", manual_dir=folder, overwrite=True, **options)
    with user_error("journal.other_settings", journal, "content"):
        extract_table("mfcc_statistics", out, **given, progress=False)


def test_a_journal_of_other_limits_is_refused(tmp_path):
    """It keeps why files were refused, which other limits may not refuse."""
    (tmp_path / "music").mkdir()
    write_levels(tmp_path / "music", a=0.5)
    out = tmp_path / "a.csv"
    journal = out.with_name("a.csv.journal")
    settings = {"features": "mfcc_statistics", "corrected": False, "sample_rate": RATE}
    settings |= {"source": str(tmp_path / "music"), "version": mgr_jax.__version__, "seconds": 0.0}
    given = {"audio": tmp_path / "music", "workers": 0, "progress": False}
    with Journal(journal, settings | {"limits": {"max_hours": 0.001}}):
        pass  # as if that had been killed
    for limits in (None, "max_hours=48"):
        with user_error("journal.other_settings", journal, "limits = {'max_hours': 0.001}"):
            extract_table("mfcc_statistics", out, **given, limits=limits)


def forty_tracks() -> list[AudioTrack]:
    return make_tracks(**{f"t{i:02d}": 0.01 * (i + 1) for i in range(40)})


def test_a_killed_process_goes_on(tmp_path):
    out, journal = tmp_path / "a.csv", tmp_path / "a.csv.journal"
    script = f"""
import sys, time
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(ROOT / "tests/helpers")!r}]
from pathlib import Path
import test_extract as t
def slow(waveform, sample_rate):
    time.sleep(0.1)
    return t.measure(waveform, sample_rate)
recipe = t.Recipe(t.PLAIN.columns, slow)
t.write_features(t.forty_tracks(), recipe, Path({str(out)!r}), settings={{}})
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 4):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    done = journal.read_bytes().count(b"\n") - 1
    assert 4 <= done < 40
    write_features(forty_tracks(), PLAIN, out, settings={})
    write_features(forty_tracks(), PLAIN, tmp_path / "whole.csv", settings={})
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_mistakes_are_one_sentence(tmp_path, genres):
    tracks = make_tracks(a=0.1)
    out = tmp_path / "a.csv"
    out.touch()
    with user_error("file.exists", out):
        extract_table("mfcc_statistics", out, audio=genres)
    out.unlink()
    journal = tmp_path / "a.csv.journal"
    with Journal(journal, {"rate": 1, "seconds": 3.0}):
        pass
    with user_error("journal.other_settings", journal, "seconds = 3.0, not 0.0"):
        write_features(tracks, PLAIN, out, settings={"rate": 1})
    journal.write_text("my notes\n")
    with user_error("journal.damaged", journal):
        write_features(tracks, PLAIN, out, settings={})
    assert journal.read_text() == "my notes\n"
    with user_error("file.wrong_suffix", "a.xlsx", ".csv or .parquet"):
        extract_table("mfcc_statistics", tmp_path / "a.xlsx", audio=genres)
    (tmp_path / "folder.csv").mkdir()
    with user_error("file.is_folder", tmp_path / "folder.csv"):
        extract_table("mfcc_statistics", tmp_path / "folder.csv", audio=genres)
    with user_error("argument.out_of_range", "`seconds` is -3"):
        extract_table("mfcc_statistics", out, audio=genres, seconds=-3)
    with user_error("argument.out_of_range", "`sample_rate` is 500,000", "1,000 to 384,000 Hz"):
        extract_table("mfcc_statistics", out, audio=genres, sample_rate=500_000)
    narrow = Limits(max_rate=16_000)
    with user_error("argument.out_of_range", "`sample_rate` is 22,050", "1,000 to 16,000 Hz"):
        extract_table("mfcc_statistics", out, audio=genres, sample_rate=RATE, limits=narrow)
    for both in ({}, {"audio": genres, "dataset": "audio_folder/music"}):
        with user_error("argument.choose_one", "`audio`", "`dataset`"):
            extract_table("mfcc_statistics", out, **both)
    with user_error("features.none", "1 tracks", "too loud"):
        write_features(make_tracks(a=0.92), PLAIN, tmp_path / "b.csv", settings={})
    assert not list(tmp_path.glob("b.csv*"))
    (tmp_path / "empty").mkdir()
    with user_error("audio.no_files", tmp_path / "empty"):
        folder_tracks(tmp_path / "empty", RATE)
    with user_error("folder.not_found", tmp_path / "none"):
        folder_tracks(tmp_path / "none", RATE)
    (genres / "blues/blues.00000.flac").write_bytes(b"")
    with user_error("audio.same_name", genres, "2 audio files", "'blues/blues.00000'"):
        folder_tracks(genres, RATE)


def test_a_call_says_what_it_wrote_and_shows_no_bar_unless_asked(
    music_folder, tmp_path, monkeypatch, capsys, caplog
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(logging.getLogger("mgr_jax"), "propagate", True)  # which commands end
    folder = shutil.copytree(music_folder, tmp_path / "music")
    (folder / "hum/broken.wav").write_bytes(b"RIFF")
    made = extract_table(
        "mfcc_statistics", "~/a.parquet", audio="~/music", seconds=1, workers=0, progress=False
    )
    assert made.path == tmp_path / "a.parquet"
    assert (made.rows, made.tracks, len(made.columns)) == (60, 30, 80)
    assert list(made.skipped) == ["hum/broken.wav"]
    assert str(made) == (
        f"Wrote {made.path}: 60 rows of 30 tracks, 80 features each (1 tracks skipped, "
        "a.parquet.skipped.json lists them)."
    )
    out, err = capsys.readouterr()
    assert not out
    assert "track/s" not in err
    assert set(caplog.messages) == {made.skipped["hum/broken.wav"]}
    assert pq.read_table(made.path).num_rows == made.rows


def test_a_table_that_another_process_is_writing_is_left_to_it(tmp_path):
    with (
        Journal(tmp_path / "a.csv.journal", {"seconds": 0.0}),
        user_error("journal.in_use", tmp_path / "a.csv.journal"),
    ):
        write_features(make_tracks(a=0.1), PLAIN, tmp_path / "a.csv", settings={})
    write_features(make_tracks(a=0.1), PLAIN, tmp_path / "a.csv", settings={})
    assert not (tmp_path / "a.csv.journal").exists()


def test_recipes_are_found_by_name():
    for name in RECIPES:
        recipe = find_recipe(name)
        assert len(recipe.columns) == {"fma518": 518, "gtzan57": 57}.get(name, 80)
        assert recipe.sample_rate == (None if name == "fma518" else RATE)
    with user_error("unknown_name", "gtzan75", "gtzan57"):
        find_recipe("gtzan75")
    with user_error("argument.not_applicable", "gtzan57", "`corrected`"):
        find_recipe("gtzan57", corrected=True)
