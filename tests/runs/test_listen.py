"""Listening to files and to raw samples: as a library call, and as a command in a pipe."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from errors import user_error

import mgr_jax
from mgr_jax.audio.io import AudioWarning

ROOT = Path(__file__).resolve().parents[2]
RATE = 12_000
COMMAND = "import sys; from mgr_jax.cli import main; sys.exit(main())"


def song(seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(7).standard_normal(len(time))
    return (0.2 * np.where(time < seconds / 2, np.sin(1600 * time), 0.3 * noise)).astype("<f4")


def hear(run, source, **options):
    return list(mgr_jax.listen(run, source, sample_rate=RATE, hop=0.5, **options))


def pcm(samples: np.ndarray) -> bytes:
    return np.round(samples * 32768).astype("<i2").tobytes()


class Trickle(io.RawIOBase):
    """A pipe that gives a few bytes at a time, and never as many as a sample has."""

    def __init__(self, data, size):
        self._data, self._size = io.BytesIO(data), size

    def read(self, size=-1):
        return self._data.read(self._size)


def test_a_file_and_its_samples_are_heard_alike(trained_run, tmp_path):
    soundfile.write(tmp_path / "song.wav", song(3), RATE, subtype="FLOAT")
    wanted = mgr_jax.load(trained_run).predict(tmp_path / "song.wav", timeline=True)
    stereo = np.repeat(song(3), 2)
    heard = {
        "file": hear(trained_run, tmp_path / "song.wav"),
        "raw": hear(trained_run, io.BytesIO(pcm(song(3)))),
        "floats": hear(trained_run, io.BytesIO(song(3).tobytes()), format="f32le"),
        "stereo": hear(trained_run, io.BytesIO(pcm(stereo)), channels=2),
        "trickle": hear(trained_run, Trickle(pcm(song(3)), 1001)),
    }
    for name, found in heard.items():
        live = np.array([p.probabilities for p in found])
        np.testing.assert_allclose(live, wanted.probabilities, atol=2e-3, err_msg=name)
        np.testing.assert_allclose([p.end for p in found], wanted.end, err_msg=name)
    assert len({p.label for p in heard["raw"]}) > 1


def test_what_is_no_samples_is_told(trained_run, tmp_path):
    with user_error("audio.no_samples", "the input holds no audio samples"):
        hear(trained_run, io.BytesIO())
    soundfile.write(wav := io.BytesIO(), song(1), RATE, format="WAV")
    wav.seek(0)
    with user_error("live.not_raw", "the input is a WAV file"):
        hear(trained_run, wav)
    with user_error("audio.not_finite", "check its format"):
        hear(trained_run, io.BytesIO(b"\xff" * 40_000), format="f32le")
    with pytest.warns(AudioWarning, match="3 bytes of 4 are left over"):
        assert len(hear(trained_run, io.BytesIO(pcm(song(2)) + b"abc"), channels=2)) == 2
    for given in ({"channels": 0}, {"format": "mp3"}):
        with user_error("argument.out_of_range", "raw samples"):
            hear(trained_run, io.BytesIO(), **given)
    with user_error("file.not_found", "none.wav"):
        hear(trained_run, tmp_path / "none.wav")


def start(*flags):
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, "listen", "--input=-", *map(str, flags)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.slow
def test_lines_come_while_a_recorder_plays_until_something_ends_it(trained_run):
    flags = [f"--model={trained_run}", f"--sample_rate={RATE}", "--hop=0.5", "--top=1"]
    ends = {None: 0, signal.SIGINT: 130, signal.SIGTERM: 75}
    processes = {number: start(*flags) for number in ends}
    left = start(*flags)  # by a reader that has seen enough
    left.stdout.close()
    _, told = left.communicate(pcm(song(3)), timeout=120)
    assert (left.returncode, told) == (0, b"")
    for number, process in processes.items():
        process.stdin.write(pcm(song(1.2)))
        process.stdin.flush()
        lines = [process.stdout.readline().decode() for _ in range(2)]  # while the pipe is open
        assert [line.split()[0] for line in lines] == ["0:00.5", "0:01"]
        assert "hum 9" in lines[0] or "hum 100 %" in lines[0]
        if number:
            process.send_signal(number)
            process.wait(timeout=60)
        rest, told = process.communicate(timeout=60)
        assert process.returncode == ends[number]
        assert rest.decode().split()[:1] == ([] if number else ["0:01.2"])
        assert told.decode().count("\n") == (1 if number else 0), told
