"""Streams of files: order, memory, temporary files, and what is said is what one file is told."""

import functools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import soundfile
from errors import user_error
from odd_reading import RATE, full_disk, read

import mgr_jax
from mgr_jax.audio import spool
from mgr_jax.audio.io import AudioWarning, read_audio
from mgr_jax.prediction import stream
from mgr_jax.prediction.engine import TrackClips
from mgr_jax.prediction.stream import predict_stream
from mgr_jax.training.inference import predict_run

ROOT = Path(__file__).resolve().parents[2]
LONG_SECONDS = 720  # 17 MB, which is more than is kept in memory


class Stub:
    """A predictor that says of a track how long it is."""

    classes = ("a",)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def audio_rate(self) -> int:
        return RATE

    def timeline_of(self, asked):
        return None

    def ask(self, samples, *, name, **_):
        self.asked.append(name)
        return TrackClips(samples)

    def engine(self, tracks):
        return ((clips.key, {}) for clips in tracks)

    def answer(self, question, outputs, rules):
        return SimpleNamespace(samples=question)


@pytest.fixture
def place(monkeypatch, tmp_path) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture
def stub(monkeypatch) -> Stub:
    monkeypatch.setattr(stream, "read_audio", read)
    return Stub()


def write_noise(path: Path, seconds: float, *, seed: int = 0) -> np.ndarray:
    """Writes a file that is decoded to just these samples."""
    samples = np.random.default_rng(seed).integers(-8_000, 8_000, int(seconds * RATE), np.int16)
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    return samples


def test_results_come_in_the_order_of_the_files_or_of_their_arrival(stub, place):
    names = ["slow.mp3", *(f"{n}.mp3" for n in range(12))]
    in_order = [file.name for file in predict_stream(stub, names, workers=2)]
    assert in_order == names
    assert stub.asked[-1] == "slow.mp3"  # the others were not kept waiting
    found = [file.name for file in predict_stream(stub, names, workers=2, in_order=False)]
    assert sorted(found) == sorted(names)
    assert found[-1] == "slow.mp3"


@pytest.mark.parametrize("in_order", [True, False])
def test_what_goes_wrong_costs_one_file_and_leaves_none_behind(stub, place, tmp_path, in_order):
    for name in ("long", "full"):
        write_noise(tmp_path / f"{name}.wav", LONG_SECONDS)
    names = ["a.mp3", tmp_path / "full.wav", "killed.mp3", tmp_path / "long.wav", "b.mp3"]
    found = {}
    for file in predict_stream(stub, names, workers=2, in_order=in_order):
        found[Path(file.name).name] = file
        if file.name == "killed.mp3":
            assert not any(path.name == "2" for path in place.rglob("*"))
    assert found["full.wav"].error.code == "disk.full"
    assert "TMPDIR" in str(found["full.wav"].error)
    assert found["killed.mp3"].error.code == "workers.killed"
    lengths = {n: len(file.prediction.samples) for n, file in found.items() if not file.error}
    assert lengths == {"a.mp3": RATE, "b.mp3": RATE, "long.wav": LONG_SECONDS * RATE}
    assert list(place.iterdir()) == []


def test_short_files_need_no_place(stub, monkeypatch, tmp_path):
    """Such as where the disk of temporary files is full."""
    monkeypatch.setattr(stream, "spool_folder", lambda: tmp_path / "long.wav")
    write_noise(tmp_path / "long.wav", LONG_SECONDS)
    short, long = predict_stream(stub, ["a.mp3", tmp_path / "long.wav"], workers=0)
    assert len(short.prediction.samples) == RATE
    assert long.error.code == "disk.full"


def test_the_next_run_clears_what_a_killed_one_has_left(stub, place):
    code = (
        "from test_stream import Stub, predict_stream, read, stream\n"
        "stream.read_audio = read\n"
        "list(predict_stream(Stub(), ['killed.mp3'], workers=0))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *map(str, sys.path)])},
        cwd=Path(__file__).parent,
    )
    assert done.returncode == -signal.SIGKILL
    assert [path.read_bytes() for path in place.rglob("0")] == [b"a part of it"]
    assert [file.error for file in predict_stream(stub, ["a.mp3"], workers=0)] == [None]
    assert list(place.iterdir()) == []


def test_a_stream_that_is_open_when_a_program_ends_leaves_nothing(place):
    code = (
        "from test_stream import Stub, predict_stream, read, stream\n"
        "stream.read_audio = read\n"
        "left = predict_stream(Stub(), ['a.mp3', 'b.mp3', 'c.mp3'], workers=0)\n"
        "print(next(left).name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *map(str, sys.path)])},
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("a.mp3\n", "")
    assert list(place.iterdir()) == []


def test_giving_up_half_way_leaves_nothing(stub, place, tmp_path):
    write_noise(tmp_path / "long.wav", LONG_SECONDS)
    some = predict_stream(stub, ["a.mp3", *[tmp_path / "long.wav"] * 4], workers=2)
    next(some)
    some.close()
    assert list(place.iterdir()) == []


def of_two_channels(kind: str) -> np.ndarray:
    """[samples, 2] float32 that passes the gate once, or twice."""
    tune = np.random.default_rng(1).uniform(-0.2, 0.2, 5 * RATE).astype(np.float32)
    match kind:
        case "usual":
            return np.stack([tune, np.roll(tune, 100)], 1)
        case "cancelling":
            return np.stack([tune, -0.9 * tune], 1)
        case _:  # integers as floats
            return np.stack([tune, tune], 1) * 32_768


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("kind", ["usual", "cancelling", "loud"])
@pytest.mark.parametrize("rate", [RATE, 8_000])
def test_samples_are_the_same_in_a_file(monkeypatch, place, tmp_path, kind, dtype, rate):
    soundfile.write(tmp_path / "a.wav", of_two_channels(kind), RATE, subtype="FLOAT")
    monkeypatch.setattr(spool, "LONG", 3 * 8_000)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AudioWarning)
        kept = read_audio(tmp_path / "a.wav", rate, dtype=dtype)
        read_again = read_audio(tmp_path / "a.wav", rate, dtype=dtype, spool=spool.without_a_name)
        opened = functools.partial(open, tmp_path / "samples", "w+b")
        named = read_audio(tmp_path / "a.wav", rate, dtype=dtype, spool=opened)
    assert len(caught) == (0 if kind == "usual" else 3)
    for found in (read_again, named):
        assert isinstance(found, np.memmap)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, kept)
    assert (tmp_path / "samples").stat().st_size == kept.nbytes
    assert list(place.iterdir()) == []


def test_short_sounds_stay_in_memory(tmp_path, place):
    write_noise(tmp_path / "a.wav", 3)
    found = read_audio(tmp_path / "a.wav", RATE, dtype=np.int16, spool=spool.without_a_name)
    assert not isinstance(found, np.memmap)


def test_a_disk_that_is_full_is_told(monkeypatch, tmp_path):
    write_noise(tmp_path / "a.wav", 3)
    monkeypatch.setattr(spool, "LONG", 1_000)
    with user_error("disk.full", "a.wav", "TMPDIR"):
        read_audio(tmp_path / "a.wav", RATE, spool=full_disk)


def anonymous() -> float:
    """MB of memory that no file stands for, of this process and of its children."""
    total = 0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in status.splitlines() if "RssAnon" in line)
    return total / 1000


@pytest.mark.skipif(sys.platform != "linux", reason="as Linux counts memory")
def test_memory_does_not_grow_with_the_length_of_a_file(place, tmp_path):
    """Four hours of 12 kHz are 346 MB; what a worker is by itself is some 30."""
    second = np.random.default_rng(0).integers(-8_000, 8_000, RATE, np.int16)
    with soundfile.SoundFile(tmp_path / "long.wav", "w", RATE, 1, "PCM_16") as file:
        for _ in range(4 * 60):
            file.write(np.tile(second, 60))
    highest, done = [before := anonymous()], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            highest.append(anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        (file,) = predict_stream(Stub(), [tmp_path / "long.wav"], workers=1)
    finally:
        done.set()
        watcher.join()
    samples = file.prediction.samples
    assert len(samples) == 4 * 3600 * RATE
    np.testing.assert_array_equal(samples[-RATE:], second)
    assert max(highest) - before < 120


@pytest.fixture(scope="module")
def songs(tmp_path_factory, music_folder) -> list[Path]:
    """A file of one clip and a broken one among longer ones."""
    folder = tmp_path_factory.mktemp("songs")
    write_noise(folder / "clip.wav", 0.5)
    write_noise(folder / "shorter.wav", 0.3)
    write_noise(folder / "minute.wav", 61.3)
    (folder / "broken.wav").write_bytes(b"this is no sound")
    some = sorted(music_folder.glob("*/*.wav"))[::4]
    return [folder / "minute.wav", folder / "clip.wav", some[0], folder / "broken.wav", *some[1:],
            folder / "shorter.wav"]  # fmt: skip


def test_a_stream_says_what_files_are_told_alone(trained_run, songs):
    predictor = mgr_jax.load(trained_run)
    found = list(predictor.predict_files(songs, workers=2))
    assert [file.name for file in found] == [str(path) for path in songs]
    for file in found:
        if "broken" in file.name:
            assert file.error.code == "audio.undecodable"
            assert file.prediction is None
            continue
        alone = predictor.predict(file.name)
        told = file.prediction
        np.testing.assert_array_equal(told.start, alone.start)
        np.testing.assert_allclose(told.probabilities, alone.probabilities, atol=1e-6)
        np.testing.assert_allclose(told.embedding, alone.embedding, atol=1e-5)
        assert told.label == alone.label
    by_arrival = {f.name: f for f in predictor.predict_files(songs, workers=2, in_order=False)}
    for file in found:
        if file.prediction:
            np.testing.assert_allclose(
                by_arrival[file.name].prediction.probabilities,
                file.prediction.probabilities,
                atol=1e-6,
            )


def test_a_stream_of_nothing_but_failures_ends(trained_run, tmp_path):
    names = [tmp_path / f"{number}.mp3" for number in range(20)]
    found = list(mgr_jax.load(trained_run).predict_files(names, workers=2))
    assert [file.name for file in found] == [str(name) for name in names]
    assert all(file.error and not file.prediction for file in found)
    assert list(mgr_jax.load(trained_run).predict_files([])) == []


def test_a_stream_says_what_evaluation_scores(trained_run, music_folder):
    table = predict_run(trained_run, "test")
    tracks = sorted(set(table.track))
    predictor = mgr_jax.load(trained_run)
    for file, track in zip(
        predictor.predict_files([music_folder / track for track in tracks], workers=2),
        tracks,
        strict=True,
    ):
        rows = table.track == track
        np.testing.assert_allclose(
            file.prediction.probabilities, table.probabilities[rows], atol=1e-4
        )
