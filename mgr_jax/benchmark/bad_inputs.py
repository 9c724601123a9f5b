"""Files that are not what their names say, and how to make them."""

import contextlib
import os
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from mgr_jax.audio.io import AudioError, read_audio
from mgr_jax.benchmark.edits import wav_says
from mgr_jax.benchmark.encoding_table import ENCODINGS
from mgr_jax.benchmark.encodings import original, write

_RATE = 22_050
_NOBODY = 65_534
_NAMED = {encoding.name: encoding for encoding in ENCODINGS}
_MARKED = b"version https://git-lfs.github.com/spec/v1\noid sha256:"


def _bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _sound(change: Callable[[np.ndarray], np.ndarray], path: Path, rate: int = _RATE) -> None:
    """A WAV file of floats: what becomes of the original, [samples, channels]."""
    sound = change(original(_RATE, 2, 16))
    soundfile.write(path, sound, rate, format="WAV", subtype="FLOAT")


def _edited(edit: Callable[[bytes], bytes], name: str, path: Path, seconds: float = 8) -> None:
    """A file of a row of the table of encodings, edited."""
    write(_NAMED[name], path, seconds)
    path.write_bytes(edit(path.read_bytes()))


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _with_hole(data: bytes) -> bytes:
    """A third of it is lost, as by a download of several parts."""
    third = len(data) // 3
    return data[:third] + bytes(third) + data[2 * third :]


def _flac_says_all(data: bytes) -> bytes:
    """Has a FLAC file claim the largest number of samples, which is of 36 bits."""
    return data[:21] + bytes([data[21] | 0x0F]) + b"\xff" * 4 + data[26:]


def _without_samples(data: bytes) -> bytes:
    return wav_says(0)(data[: data.index(b"data") + 8])


def _picture(path: Path) -> None:
    def chunk(tag: bytes, content: bytes) -> bytes:
        ends = struct.pack(">I", zlib.crc32(tag + content))
        return struct.pack(">I", len(content)) + tag + content + ends

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    lines = chunk(b"IDAT", zlib.compress(bytes(9 * 8)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + lines + chunk(b"IEND", b""))


def _noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(100_000))


def _film(path: Path) -> None:
    """A film without sound."""
    import av

    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
        for _ in range(25):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _locked(path: Path) -> None:
    write(_NAMED["WAV, 16 bit"], path)
    path.chmod(0)


# What it is, by the name that its file has.
BAD_INPUTS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "gone.mp3": ("no such file", lambda path: None),
    "folder.mp3": ("a folder", Path.mkdir),
    "pipe.mp3": ("a named pipe", os.mkfifo),
    "locked.wav": ("a file of somebody else", _locked),
    "empty.mp3": ("0 bytes", partial(_bytes, b"")),
    "text.mp3": ("text", partial(_bytes, b"this is no music\n" * 200)),
    "page.mp3": ("a web page", partial(_bytes, b"<!DOCTYPE html><html><body>404</body></html>")),
    "pointer.wav": ("git-lfs has not fetched it", partial(_bytes, _MARKED + b"0" * 64 + b"\n")),
    "picture.mp3": ("a picture", _picture),
    "film.mp4": ("a film without sound", _film),
    "zeros.mp3": ("a download that was not filled", partial(_bytes, bytes(100_000))),
    "noise.mp3": ("random bytes", _noise),
    "cut.wav": ("half of a WAV", partial(_edited, _half, "WAV, 16 bit")),
    "cut.aiff": ("half of an AIFF", partial(_edited, _half, "AIFF, 16 bit")),
    "cut.au": ("half of an AU", partial(_edited, _half, "AU, 16 bit, mono, 22.05 kHz")),
    "cut.flac": ("half of a FLAC", partial(_edited, _half, "FLAC, 16 bit")),
    "cut.mp3": ("half of an MP3", partial(_edited, _half, "MP3")),
    "cut_vbr.mp3": ("half of an MP3, VBR", partial(_edited, _half, "MP3, VBR")),
    "cut.ogg": ("half of a Vorbis file", partial(_edited, _half, "Vorbis")),
    "cut.opus": ("half of an Opus file", partial(_edited, _half, "Opus")),
    "cut.m4a": ("half of an M4A, its index last", partial(_edited, _half, "AAC")),
    "cut_first.m4a": (
        "half of an M4A, its index first",
        partial(_edited, _half, "AAC, index first"),
    ),
    "cut.wma": ("half of a WMA", partial(_edited, _half, "WMA 2")),
    "cut.mka": ("half of a Matroska file", partial(_edited, _half, "FLAC in Matroska")),
    "hole.mp3": ("an MP3, a third of it zeros", partial(_edited, _with_hole, "MP3")),
    "hole.flac": ("a FLAC, a third of it zeros", partial(_edited, _with_hole, "FLAC, 16 bit")),
    "hole.ogg": ("a Vorbis file, a third of it zeros", partial(_edited, _with_hole, "Vorbis")),
    "hole.m4a": ("an M4A, a third of it zeros", partial(_edited, _with_hole, "AAC")),
    "endless.flac": (
        "a FLAC that claims 2³⁶ samples",
        partial(_edited, _flac_says_all, "FLAC, 16 bit"),
    ),
    "none.wav": ("no samples", partial(_edited, _without_samples, "WAV, 16 bit")),
    "nan.wav": (
        "a sample that is no number",
        partial(_sound, lambda x: np.where(x == x[9], np.nan, x)),
    ),
    "silence.wav": ("silence", partial(_sound, np.zeros_like)),
    "last_bit.wav": ("noise of the last bit", partial(_sound, lambda x: np.sign(x) * 2.0**-15)),
    "cancels.wav": ("channels that cancel", partial(_sound, lambda x: x[:, :1] * [1, -1])),
    "one_side.wav": ("one silent channel", partial(_sound, lambda x: x * [1, 0])),
    "loud.wav": ("four times full scale", partial(_sound, lambda x: 8 * x)),
    "integers.wav": ("integers as floats", partial(_sound, lambda x: 2.0**15 * x)),
    "offset.wav": ("silence off zero", partial(_sound, lambda x: 0 * x + 0.25)),
    "slow.wav": ("1 Hz", partial(_sound, lambda x: x, rate=1)),
    "fast.wav": ("1 MHz", partial(_sound, lambda x: x, rate=1_000_000)),
    "instant.wav": ("one sample", partial(_sound, lambda x: x[1_000:1_001])),
}


@dataclass(frozen=True)
class Outcome:
    """What is said of a file.

    Attributes:
      refused: the sentence that refuses it; empty if it is read.
      warned: the sentences that warn of it, where it is read.
      seconds: how much of it is read.
    """

    refused: str
    warned: tuple[str, ...]
    seconds: float


def try_input(path: Path, *, allow_truncated: bool = False) -> Outcome:
    """Reads a file as anybody would who may not read what is locked."""
    with _as_anybody(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            sound = read_audio(path, _RATE, allow_truncated=allow_truncated)
        except AudioError as error:
            return Outcome(str(error), (), 0.0)
    return Outcome("", tuple(str(warning.message) for warning in caught), len(sound) / _RATE)


@contextlib.contextmanager
def _as_anybody() -> Iterator[None]:
    """Gives up the rights of root, for whom nothing is locked, for a while."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
