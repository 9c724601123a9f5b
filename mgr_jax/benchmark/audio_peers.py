"""Reads and stores audio files as users of other libraries do: the peers of benchmarks.

Processes import only this, so it loads neither jax nor the project's decoder.
"""

import contextlib
import io
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from mgr_jax.errors import UserError

# Reads a file as mono [samples] float32 at a rate in Hz.
Read = Callable[[str, int], np.ndarray]
Seconds = tuple[float, float]  # wall time and processor time


def read_with_librosa(path: str, sample_rate: int) -> np.ndarray:
    """Reads a file with `librosa.load`."""
    import librosa

    return librosa.load(path, sr=sample_rate)[0]


def read_with_audioread(path: str, sample_rate: int) -> np.ndarray:
    """Reads a file with audioread (FFmpeg's program, except for WAV), resampled by soxr."""
    import audioread

    with audioread.audio_open(path) as file:
        rate, channels = file.samplerate, file.channels
        samples = np.frombuffer(b"".join(file), np.int16).reshape(-1, channels)
    return _to_mono(samples.astype(np.float32) / 2**15, rate, sample_rate)


def _to_mono(samples: np.ndarray, rate: int, to_rate: int) -> np.ndarray:
    """[samples, channels] → [samples]."""
    mono = samples.sum(axis=1) / samples.shape[1]
    return mono if rate == to_rate else soxr.resample(mono, rate, to_rate, quality="HQ")


def find_problem(peer: str, read: Read, path: str) -> str:
    """Why a peer cannot read such files here, in a sentence; "" if it can.

    Args:
      peer: its name.
      read: its function to read files.
      path: a file to read.
    """
    try:
        read(path, 12_000)
    except ImportError as error:
        return f"{peer}: not compared, {error.name} is missing (pip install {error.name})"
    except Exception:  # each library has errors of its own
        return (
            f"{peer}: not compared, it cannot read {Path(path).suffix} files here (it may need the "
            "program ffmpeg)"
        )
    return ""


def to_flac(read: Read, sample_rate: int, path: str) -> bytes:
    """A file as mono 16-bit FLAC, encoded by soundfile.

    Args:
      read: function that reads the file.
      sample_rate: rate to read at, in Hz.
      path: the file.

    Raises:
      UserError: it cannot be read.
    """
    try:
        samples = read(path, sample_rate)
    except Exception as error:
        raise UserError(
            f"{path} is read by this project and not by another library ({error}); leave it out",
            code="benchmark.undecodable",
        ) from error
    rounded = np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, rounded, sample_rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def time_storing(read: Read, sample_rate: int, folder: str, path: str) -> Seconds:
    """Measures reading a file and writing its FLAC into a folder.

    Args:
      read: function that reads the file.
      sample_rate: rate to read at, in Hz.
      folder: where the FLAC is written.
      path: the file.

    Returns:
      Wall time and processor time in seconds.
    """
    with _timed() as took:
        stored = to_flac(read, sample_rate, path)
        Path(folder, f"{Path(path).parent.name}_{Path(path).name}.flac").write_bytes(stored)
    return took[0]


def time_parts(sample_rate: int, path: str) -> dict[str, Seconds]:
    """Measures each call that preparing a file needs, one by one.

    Args:
      sample_rate: rate to resample to, in Hz.
      path: the file.

    Returns:
      Times by name: "PyAV" and "libsndfile", two ways to decode the file, or one if the other
      cannot; "resample", if its rate is another; and "encode".

    Raises:
      UserError: neither can decode it.
    """
    found: dict[str, Seconds] = {}
    decoded: Any = None
    for name, decode in (("PyAV", _decode_with_av), ("libsndfile", _decode_with_libsndfile)):
        with contextlib.suppress(ValueError, RuntimeError, OSError), _timed() as took:
            decoded = decode(path)
        if took:
            found[name] = took[0]
    if not decoded:
        raise UserError(
            f"{path} is decoded by none of the libraries alone; leave it out",
            code="benchmark.undecodable",
        )
    blocks, channels, rate = decoded
    samples = np.concatenate([block.reshape(-1, channels) for block in blocks])
    mono = samples.sum(axis=1, dtype=np.float32) / np.float32(channels)
    if rate != sample_rate:
        with _timed() as took:
            mono = soxr.resample(mono, rate, sample_rate, quality="HQ")
        found["resample"] = took[0]
    rounded = np.clip(np.round(mono * 32768), -32768, 32767).astype(np.int16)
    with _timed() as took:
        soundfile.write(io.BytesIO(), rounded, sample_rate, format="FLAC", subtype="PCM_16")
    found["encode"] = took[0]
    return found


def _decode_with_libsndfile(path: str) -> tuple[list[np.ndarray], int, int]:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return [samples], samples.shape[1], rate


def _decode_with_av(path: str) -> tuple[list[np.ndarray], int, int]:
    import av

    with av.open(path) as container:
        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1  # files are decoded in parallel
        blocks = [frame.to_ndarray() for frame in container.decode(stream)]
        return blocks, stream.codec_context.channels, stream.codec_context.sample_rate


@contextlib.contextmanager
def _timed() -> Iterator[list[Any]]:
    """A list that holds the seconds at the end."""
    took: list[Seconds] = []
    start = time.perf_counter(), cpu_seconds()
    yield took
    took.append((time.perf_counter() - start[0], cpu_seconds() - start[1]))


def cpu_seconds() -> float:
    """Processor time of this process and of its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)
