"""Reads and writes audio files on the host: decoding, mixing to mono, resampling, our own FLAC.

Reading FLAC that `encode_flac` wrote needs only soundfile.
"""

import io
import numbers
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from mgr_jax.audio.decoder import Decoder
from mgr_jax.audio.gate import AudioError, AudioWarning, Limits, LimitsLike, pass_gate, to_int16
from mgr_jax.audio.spool import Spool, SpoolError, spool_folder
from mgr_jax.errors import UserError

_UNREAD_SHARE = 0.01  # of a file, behind its end; less are tags

__all__ = [
    "AudioError",
    "AudioWarning",
    "Limits",
    "LimitsLike",
    "convert_waveform",
    "decode_flac",
    "encode_flac",
    "read_audio",
    "read_native",
    "resample",
    "to_int16",
]


def read_audio(
    path: str | Path,
    sample_rate: int,
    *,
    allow_truncated: bool = False,
    data: bytes | None = None,
    limits: LimitsLike = None,
    dtype: type = np.float32,
    spool: Spool | None = None,
) -> np.ndarray:
    """Decodes a file, mixes it to mono and resamples it (soxr, HQ).

    It reads everything that FFmpeg plays. The memory it needs is that of the result.

    Args:
      path: an audio file of any length, sample rate and number of channels.
      sample_rate: the rate of the result in Hz.
      allow_truncated: use a file that ends before its header says, or with packets that cannot be
        decoded, and warn; else such a file is an error.
      data: the content, if it is not in a file of its own; `path` then only names it.
      limits: what is refused; see `Limits`.
      dtype: np.float32, nominally in [-1, 1], or np.int16.
      spool: opens a file for a waveform of more than 16 MiB, see `audio.spool`; None: it stays in
        memory.

    Returns:
      Waveform [samples], an np.memmap if it is in a file. It is the mean of the channels, or the
      loudest channel if they cancel each other.

    Raises:
      AudioError: the file is missing, may not be read, changes while it is read, is empty, not
        audio, cut short, not finite, beyond the limits, or silent; or there is no room for a long
        one.
    """
    decoder = Decoder(Path(path), data, Limits.of(limits))
    return _read(decoder, sample_rate, dtype, allow_truncated, spool)[0]


def read_native(path: str | Path, *, limits: LimitsLike = None) -> tuple[np.ndarray, int]:
    """Reads a file as `read_audio` does, at its own sample rate.

    Args:
      path: an audio file.
      limits: what is refused; see `Limits`.

    Returns:
      Waveform [samples] float32, and its sample rate in Hz.
    """
    return _read(Decoder(Path(path), None, Limits.of(limits)), None, np.float32, False)


def _read(
    decoder: Decoder,
    sample_rate: int | None,
    dtype: type,
    allow_truncated: bool,
    spool: Spool | None = None,
) -> tuple[np.ndarray, int]:
    path = decoder.path
    try:
        found = pass_gate(decoder, str(path), sample_rate, dtype, spool)
    except MemoryError as error:
        raise AudioError(
            f"{path} does not fit into memory; free some, or cut it into pieces",
            code="audio.no_memory",
        ) from error
    except SpoolError as error:
        raise AudioError(
            f"{path} is long, and there is no place to keep its samples ({error}); make room in "
            f"{spool_folder()}, or name a folder on another disk (TMPDIR)",
            code="disk.full",
        ) from error
    text, way_out = "", ""
    if decoder.missing:
        text = f"{path} is cut short or damaged: {decoder.describe()}"
        if not allow_truncated:
            raise AudioError(f"{text}; replace it with a complete copy", code="audio.cut_short")
        way_out = "using what is there"
    elif decoder.failed:
        text = f"{path} is damaged: packets of it ({decoder.failed}) cannot be decoded"
        way_out = "using the others"
    elif decoder.unread > _UNREAD_SHARE:
        text = f"{path} goes on behind the end that its header tells"
        way_out = f"leaving out {decoder.unread:.0%} of the file"
    elif decoder.extended:
        text = f"{path} holds more sound than its header tells"
        way_out = "reading all of it"
    if text:
        warnings.warn(f"{text}; {way_out}", AudioWarning, stacklevel=3)
    return found


def resample(waveform: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Resamples a waveform with soxr, quality HQ.

    Args:
      waveform: [samples] float32.
      from_rate: its sample rate in Hz.
      to_rate: the sample rate of the result in Hz.

    Returns:
      Waveform [samples] float32.
    """
    if from_rate == to_rate:
        return waveform
    return soxr.resample(waveform, from_rate, to_rate, quality="HQ").astype(np.float32)


def convert_waveform(
    audio: Any,
    sample_rate: float | None,
    to_rate: int,
    *,
    limits: LimitsLike = None,
    dtype: type = np.float32,
    name: str = "the array",
) -> np.ndarray:
    """Mixes a waveform in memory to mono and resamples it, as `read_audio` does with a file.

    Args:
      audio: [samples] or [samples, channels] floats, nominally in [-1, 1].
      sample_rate: its rate in Hz.
      to_rate: the rate of the result in Hz.
      limits: what is refused; see `Limits`.
      dtype: np.float32, nominally in [-1, 1], or np.int16.
      name: what to call it in messages.

    Returns:
      Waveform [samples].

    Raises:
      UserError: there is no rate, the array is no such waveform, or there is nothing to hear.
    """
    is_number = isinstance(sample_rate, numbers.Real) and not isinstance(sample_rate, bool)
    if not is_number or not 0 < float(sample_rate) < float("inf"):  # type: ignore[arg-type]
        raise UserError(
            f"a waveform needs its sample rate: give it in Hz, as in sample_rate=44100, not "
            f"{sample_rate!r}",
            code="audio.no_sample_rate",
        )
    rate = float(sample_rate)  # type: ignore[arg-type]
    Limits.of(limits).require_rate(name, rate)
    try:
        waveform = np.asarray(audio)
    except ValueError:  # lists of unequal length
        waveform = np.empty(0, object)
    if waveform.ndim not in (1, 2) or not np.issubdtype(waveform.dtype, np.floating):
        raise UserError(
            f"{name} has shape {waveform.shape} and type {waveform.dtype}; expected floats in "
            "[-1, 1], [samples] or [samples, channels] (divide int16 by 32768)",
            code="audio.not_a_waveform",
        )
    if not waveform.size:
        raise UserError(f"{name} holds no samples; check its source", code="audio.no_samples")
    if waveform.ndim == 2 and waveform.shape[1] > waveform.shape[0]:
        raise UserError(
            f"{name} has shape {waveform.shape}, which looks like [channels, samples]; "
            "transpose it to [samples, channels]",
            code="audio.channels_first",
        )
    return pass_gate(_Array(waveform, rate), name, to_rate, dtype)[0]


class _Array:
    """A waveform in memory, block by block, see `Sound`."""

    lossy = False

    def __init__(self, waveform: np.ndarray, rate: float) -> None:
        self._channels, self._rate = np.atleast_2d(waveform.T), rate

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        step = round(self._rate)
        for start in range(0, self._channels.shape[1], step):
            with np.errstate(over="ignore"):  # what becomes infinite is told as not finite
                yield self._rate, self._channels[:, start : start + step].astype(np.float32)


def encode_flac(samples: np.ndarray, sample_rate: int) -> bytes:
    """Encodes int16 [samples] as a mono 16-bit FLAC file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def decode_flac(data: bytes) -> np.ndarray:
    """Decodes a mono 16-bit FLAC file to int16 [samples]."""
    samples, _ = soundfile.read(io.BytesIO(data), dtype="int16")
    return samples
