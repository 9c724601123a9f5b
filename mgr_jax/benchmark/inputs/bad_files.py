"""Files that are not what their names say, and functions that make them."""

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
from mgr_jax.benchmark.inputs.edits import wav_says
from mgr_jax.benchmark.inputs.encoding_table import ENCODINGS
from mgr_jax.benchmark.inputs.encodings import original, write

_RATE = 22_050
_NOBODY = 65_534
_NAMED = {encoding.name: encoding for encoding in ENCODINGS}
_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\n"


def _edited(edit: Callable[[bytes], bytes], name: str, path: Path, seconds: float = 8) -> None:
    """A file of a row of the table of encodings, edited."""
    write(_NAMED[name], path, seconds)
    path.write_bytes(edit(path.read_bytes()))


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _with_hole(data: bytes) -> bytes:
    """Zeroes a third of a file, like an incomplete download of several parts."""
    third = len(data) // 3
    return data[:third] + bytes(third) + data[2 * third :]


def _says_all(data: bytes) -> bytes:
    """Makes a FLAC file claim the largest number of samples, which has 36 bits."""
    return data[:21] + bytes([data[21] | 0x0F]) + b"\xff" * 4 + data[26:]


def _emptied(data: bytes) -> bytes:
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


@dataclass(frozen=True)
class BadFile:
    """A file that is not what its name says.

    Attributes:
      file: its name.
      what: its description.
      code: code of the error; empty if the file is read.
      make: function that writes it.
    """

    file: str
    what: str
    code: str
    make: Callable[[Path], object]


def _content(file: str, what: str, code: str, content: bytes) -> BadFile:
    return BadFile(file, what, code, lambda path: path.write_bytes(content))


def _cut(file: str, encoding: str) -> BadFile:
    what = f"half of it ({encoding})"
    return BadFile(file, what, "audio.cut_short", partial(_edited, _half, encoding))


def _hole(file: str, encoding: str) -> BadFile:
    what = f"a third of it is zeros ({encoding})"
    return BadFile(file, what, "audio.cut_short", partial(_edited, _with_hole, encoding))


def _wav(
    file: str,
    what: str,
    code: str = "",
    change: Callable[[np.ndarray], np.ndarray] = np.array,
    rate: int = _RATE,
) -> BadFile:
    """A WAV file of floats, made by changing the original, [samples, channels]."""

    def make(path: Path) -> None:
        soundfile.write(path, change(original(_RATE, 2, 16)), rate, format="WAV", subtype="FLOAT")

    return BadFile(file, what, code, make)


BAD_FILES = (
    BadFile("gone.mp3", "no such file", "file.not_found", lambda path: None),
    BadFile("folder.mp3", "a folder", "file.not_found", Path.mkdir),
    BadFile("pipe.mp3", "a named pipe", "file.not_found", os.mkfifo),
    BadFile("locked.wav", "a file of somebody else", "file.denied", _locked),
    _content("empty.mp3", "0 bytes", "audio.empty_file", b""),
    _content("text.mp3", "text", "audio.undecodable", b"this is no music\n" * 200),
    _content("page.mp3", "a web page", "audio.undecodable", b"<!DOCTYPE html><html>404</html>"),
    _content("pointer.wav", "git-lfs has not fetched it", "audio.git_lfs", _POINTER),
    BadFile("picture.mp3", "a picture", "audio.no_samples", _picture),
    BadFile("film.mp4", "a film without sound", "audio.no_samples", _film),
    _content("zeros.mp3", "a download that was not filled", "audio.undecodable", bytes(100_000)),
    BadFile("noise.mp3", "random bytes", "audio.undecodable", _noise),
    _cut("cut.wav", "WAV, 16 bit"),
    _cut("cut.aiff", "AIFF, 16 bit"),
    _cut("cut.au", "AU, 24 bit"),
    _cut("cut.flac", "FLAC, 16 bit"),
    _cut("cut.mp3", "MP3"),
    _cut("cut_vbr.mp3", "MP3, VBR"),
    _cut("cut.ogg", "Vorbis"),
    _cut("cut.opus", "Opus"),
    _cut("cut.m4a", "AAC"),
    _cut("cut_first.m4a", "AAC, index first"),
    _cut("cut.wma", "WMA 2"),
    _cut("cut.mka", "FLAC in Matroska"),
    _hole("hole.mp3", "MP3"),
    _hole("hole.flac", "FLAC, 16 bit"),
    _hole("hole.ogg", "Vorbis"),
    _hole("hole.m4a", "AAC"),
    BadFile(
        "endless.flac", "it claims 2³⁶ samples", "", partial(_edited, _says_all, "FLAC, 16 bit")
    ),
    BadFile(
        "none.wav", "no samples", "audio.no_samples", partial(_edited, _emptied, "WAV, 16 bit")
    ),
    _wav("nan.wav", "some are no numbers", "audio.not_finite", lambda x: np.where(x, x, np.nan)),
    _wav("silence.wav", "silence", "audio.silent", np.zeros_like),
    _wav("offset.wav", "silence off zero", "audio.silent", lambda x: 0 * x + 0.25),
    _wav("last_bit.wav", "noise of the last bit", "audio.silent", lambda x: np.sign(x) / 2**15),
    _wav("instant.wav", "one sample", "audio.silent", lambda x: x[1_000:1_001]),
    _wav("cancels.wav", "channels that cancel", change=lambda x: x[:, :1] * [1, -1]),
    _wav("one_side.wav", "one silent channel", change=lambda x: x * [1, 0]),
    _wav("loud.wav", "four times full scale", change=lambda x: 8 * x),
    _wav("integers.wav", "integers as floats", change=lambda x: 2**15 * x),
    _wav("slow.wav", "1 Hz", "audio.limit", rate=1),
    _wav("fast.wav", "1 MHz", "audio.limit", rate=1_000_000),
)


@dataclass(frozen=True)
class Outcome:
    """The result of reading a file.

    Attributes:
      code: code of the error; empty if it is read.
      refused: message of the error.
      warned: warnings about a file that is read.
      seconds: length of the sound that is read.
    """

    code: str = ""
    refused: str = ""
    warned: tuple[str, ...] = ()
    seconds: float = 0.0


def try_file(path: Path, *, allow_truncated: bool = False) -> Outcome:
    """Reads a file; a locked one without the permissions of root.

    Args:
      path: the file.
      allow_truncated: see `Limits`.

    Returns:
      The result.
    """
    is_locked = path.exists() and not path.stat().st_mode & 0o444
    rights = _as_nobody() if is_locked and os.geteuid() == 0 else contextlib.nullcontext()
    with rights, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            sound = read_audio(path, _RATE, allow_truncated=allow_truncated)
        except AudioError as error:
            return Outcome(error.code, str(error))
    warned = tuple(str(warning.message) for warning in caught)
    return Outcome(warned=warned, seconds=len(sound) / _RATE)


@contextlib.contextmanager
def _as_nobody() -> Iterator[None]:
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
