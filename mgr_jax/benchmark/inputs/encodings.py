"""Encodings of music, and functions that write a short file in each.

A row of the table is written by soundfile or by PyAV (the encoders of its wheel, see
`av.codecs_available`), wherever the tests run; the rows of lame, sox and ffmpeg need these.
"""

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

SECONDS = 2.0
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1", 16: "hexadecagonal"}
_BASS = {
    (6, 3),
    (8, 3),
}  # by number of channels, the subwoofer's channel: codecs keep only low frequencies


@dataclass(frozen=True)
class Kind:
    """The allowed changes of the sound.

    Attributes:
      length: by how many ms the result may be shorter, and longer, than the original.
      lag: by how many ms it may be earlier, and later.
      gain: by how many dB it may be louder or softer.
      correlation: least correlation with the original.
      error: the largest difference of a sample, for lossless encodings; in units of 16 bit.
    """

    length: tuple[float, float] = (0.0, 0.0)
    lag: tuple[float, float] = (0.0, 0.0)
    gain: float = 0.01
    correlation: float = 0.99999
    error: float | None = None


# The mean of channels in float32 is not exact; everything else is.
EXACT = Kind(error=0.01)
# 8 bit, on a logarithmic scale.
LOG = Kind(gain=0.05, correlation=0.9995)
# 4 bit for the difference from a prediction.
ADPCM = Kind(length=(0, 50), gain=0.1, correlation=0.995)
# Block coders add silence before the sound, and pad the last block. The file gives the amount
# ("trimmed"), or does not ("padded").
TRIMMED = Kind(length=(1, 50), lag=(0.05, 0.05), gain=0.6, correlation=0.99)
PADDED = Kind(length=(1, 110), lag=(0, 60), gain=0.6, correlation=0.99)
# FFmpeg takes two blocks off, as Microsoft's encoder adds them and its own does not.
FIRST_SHORT = Kind(length=(5, 110), lag=(50, 60), gain=0.6, correlation=0.99)
# FFmpeg takes the filling off a last block that was not filled.
LAST_SHORT = Kind(length=(93, 0), error=0.01)
# Voice coders keep the sound of a voice, not its samples.
SPEECH = Kind(length=(5, 90), lag=(10, 30), gain=3, correlation=0.7)


@dataclass(frozen=True)
class Encoding:
    """One way to store sound in a file.

    Attributes:
      name: name of the row.
      suffix: suffix of the file.
      container: soundfile's (in capitals) or PyAV's name of the container; or a program.
      codec: soundfile's subtype, or PyAV's encoder.
      kind: the allowed changes of the sound.
      rate: sample rate in Hz.
      channels: 1, 2, 6, 8 or 16.
      bits: bits of the original.
      sample_format: format of the encoder, if it has several.
      container_options: options of PyAV.
      codec_options: options of PyAV.
      bit_rate: in bits per second; 0 is the encoder's default.
      piped: written to a pipe, so that a length cannot be filled in later.
      edit: change of the written file.
      command: a program and its arguments, with {wav} for the original and {file}.
    """

    name: str
    suffix: str
    container: str
    codec: str
    kind: Kind = EXACT
    rate: int = 44_100
    channels: int = 2
    bits: int = 16
    sample_format: str = ""
    container_options: Mapping[str, str] = field(default_factory=dict)
    codec_options: Mapping[str, str] = field(default_factory=dict)
    bit_rate: int = 0
    piped: bool = False
    edit: Callable[[bytes], bytes] | None = None
    command: tuple[str, ...] = ()

    @property
    def writer(self) -> str:
        """The library or program that writes it."""
        if self.command:
            return self.container
        return "soundfile" if self.container.isupper() else "PyAV"

    @property
    def missing(self) -> str:
        """The program that it needs and that is not installed."""
        return self.container if self.command and not shutil.which(self.container) else ""


@functools.cache
def original(rate: int, channels: int, bits: int, seconds: float = SECONDS) -> np.ndarray:
    """A sound [samples, channels] float64, of multiples of 2 ** (1 - bits).

    Each channel is its own chirp with a changing level, so that any cut, mix or shift changes its
    correlation with the original.

    Args:
      rate: sample rate in Hz.
      channels: number of channels.
      bits: bits per sample.
      seconds: length.
    """
    time = np.arange(round(rate * seconds)) / rate
    sound = []
    for channel in range(channels):
        low, high = 150 + 50 * channel, min(0.4 * rate, 6_000) * (1 - 0.04 * channel)
        if (channels, channel) in _BASS:
            low, high = 40, 90
        growth = np.log(high / low) / seconds
        phase = 2 * np.pi * low / growth * np.expm1(growth * time)
        loudness = 0.6 + 0.4 * np.sin(2 * np.pi * (3 + channel) * time)
        sound.append(0.5 * loudness * np.sin(phase + channel))
    unit = 2.0 ** (1 - bits)
    result = np.round(np.stack(sound, axis=1) / unit) * unit
    result.setflags(write=False)
    return result


def write(encoding: Encoding, path: Path, seconds: float = SECONDS) -> np.ndarray:
    """Writes the original in an encoding.

    Args:
      encoding: the encoding; its program must be installed.
      path: the file.
      seconds: length of the sound.

    Returns:
      The original, [samples, channels].
    """
    path.unlink(missing_ok=True)  # programs ask before they overwrite a file
    sound = original(encoding.rate, encoding.channels, encoding.bits, seconds)
    if encoding.command:
        _write_command(encoding, path, sound)
    elif encoding.writer == "soundfile":
        soundfile.write(
            path, sound, encoding.rate, format=encoding.container, subtype=encoding.codec
        )
    else:
        _write_pyav(encoding, path, sound)
    if encoding.edit:
        path.write_bytes(encoding.edit(path.read_bytes()))
    return sound


class _Pipe:
    """A file that cannot seek."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")
        self.write = self.file.write


def _write_pyav(encoding: Encoding, path: Path, sound: np.ndarray) -> None:
    import av

    pipe = _Pipe(path) if encoding.piped else None
    layout = _LAYOUTS[encoding.channels]
    # No sample of the original is 1, which would exceed the largest integer.
    packed = np.round(sound * 2**31).astype(np.int32).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, format="s32", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = encoding.rate, 0, Fraction(1, encoding.rate)
    with av.open(
        pipe or str(path),
        "w",
        format=encoding.container,
        container_options=dict(encoding.container_options),
    ) as container:
        stream: Any = container.add_stream(
            encoding.codec, rate=encoding.rate, layout=layout, options=dict(encoding.codec_options)
        )
        if encoding.bit_rate:
            stream.bit_rate = encoding.bit_rate
        if encoding.sample_format:
            stream.codec_context.format = encoding.sample_format
        for part in (frame, None):
            container.mux(stream.encode(part))
    if pipe:
        pipe.file.close()


def _write_command(encoding: Encoding, path: Path, sound: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "original.wav"
        soundfile.write(wav, sound, encoding.rate, subtype="PCM_16")
        line = [part.format(wav=wav, file=path) for part in encoding.command]
        done = subprocess.run(line, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if encoding.piped:
        path.write_bytes(done.stdout)
