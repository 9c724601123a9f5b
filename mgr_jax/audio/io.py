"""Audio files in and out on the host: decode, mix to mono, resample, FLAC.

Needs numpy, soundfile and soxr only, so that worker processes start fast.
"""

import io
import os
import struct
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from mgr_jax.errors import UserError

# A file that yields less than its header promises, by more than this, is cut short. Decoders drop
# an mp3's padding (under 0.2 s), and estimate its length where the encoder has not written it.
_MISSING_SECONDS, _MISSING_SHARE = 0.5, 0.01


class AudioError(UserError):
    """An audio file that cannot be used; the message says why."""


class AudioWarning(UserWarning):
    """An audio file that is used, but not as it is; the message says what was done."""


def read_audio(
    path: str | Path,
    sample_rate: int,
    *,
    allow_truncated: bool = False,
    data: bytes | None = None,
) -> np.ndarray:
    """Decodes a file, mixes it to mono and resamples it (soxr, HQ).

    Args:
      path: an audio file of any length, sample rate and number of channels.
      sample_rate: the rate of the result in Hz.
      allow_truncated: warn of a file that ends before its header says, and use what is there.
      data: the content, where it does not lie in a file of its own; `path` then only names it.

    Returns:
      Waveform [samples] float32, nominally in [-1, 1].

    Raises:
      AudioError: the file is missing, empty, not audio, cut short, or not finite.
    """
    path = Path(path)
    if data is None and not path.is_file():
        raise AudioError(f"{path} is not a file; check the path", code="file.not_found")
    if not (path.stat().st_size if data is None else data):
        raise AudioError(
            f"{path} is empty (0 bytes); remove it or download it again", code="audio.empty_file"
        )
    try:
        with soundfile.SoundFile(os.fsencode(path) if data is None else io.BytesIO(data)) as file:
            native_rate, promised = file.samplerate, file.frames
            waveform = file.read(dtype="float32", always_2d=True)
    # libsndfile's own text is misleading here: it says of a text file that it does not exist. A
    # ValueError is numpy's, of a header with an absurd length.
    except (soundfile.LibsndfileError, ValueError) as error:
        raise AudioError(
            f"{path} cannot be decoded as audio; it is damaged or of another type",
            code="audio.undecodable",
        ) from error

    # Decoders read a cut mp3 without complaint, so the length is compared with the header's; of
    # the other types they correct the header's length, so their own marks are looked at.
    missing = promised - len(waveform)
    with path.open("rb") if data is None else io.BytesIO(data) as raw:
        cut = _is_cut(raw)
    if cut or missing > max(_MISSING_SECONDS * native_rate, _MISSING_SHARE * promised):
        text = f"{path} is cut short: {len(waveform) / native_rate:.1f} s of it can be decoded"
        if not allow_truncated:
            raise AudioError(f"{text}; replace it with a complete copy", code="audio.cut_short")
        warnings.warn(f"{text}; using what is there", AudioWarning, stacklevel=2)
    mono = waveform.mean(axis=1, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise AudioError(
            f"{path} holds samples that are not finite numbers; export it again",
            code="audio.not_finite",
        )
    result = resample(mono, native_rate, sample_rate)
    if not len(result):
        raise AudioError(
            f"{path} holds no audio samples; remove it or replace it", code="audio.no_samples"
        )
    return result


def _is_cut(file: BinaryIO) -> bool:
    """Whether a wav, au or ogg file ends before its own marks say."""
    head = file.read(1 << 16)
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - (1 << 17)))
    tail = file.read()
    if head[:4] == b"RIFF":
        chunk = 12
        while chunk + 8 <= len(head):
            (length,) = struct.unpack_from("<I", head, chunk + 4)
            if head[chunk : chunk + 4] == b"data":
                # 0 and the largest number stand for "not known when this was written".
                return length != 0xFFFFFFFF and chunk + 8 + length > size
            chunk += 8 + length + length % 2
    if head[:4] == b".snd":
        offset, length = struct.unpack_from(">II", head, 4)
        return length != 0xFFFFFFFF and offset + length > size
    if head[:4] == b"OggS":
        last = tail.rfind(b"OggS")  # a page; bit 2 of byte 5 marks the last one of a stream
        return last < 0 or len(tail) < last + 6 or not tail[last + 5] & 4
    return False


def resample(waveform: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Resamples [samples] float32 from one rate in Hz to another with soxr, quality HQ."""
    if from_rate == to_rate:
        return waveform
    return soxr.resample(waveform, from_rate, to_rate, quality="HQ").astype(np.float32)


def convert_waveform(audio: np.ndarray, sample_rate: int | None, to_rate: int) -> np.ndarray:
    """Mixes a waveform in memory to mono and resamples it.

    Args:
      audio: [samples] or [samples, channels] floats, nominally in [-1, 1].
      sample_rate: its rate in Hz.
      to_rate: the rate of the result in Hz.

    Returns:
      Waveform [samples] float32.

    Raises:
      UserError: there is no rate, or the array is no such waveform.
    """
    waveform = np.asarray(audio)
    if not sample_rate or sample_rate < 0:
        raise UserError(
            "a waveform needs its sample rate: give it in Hz, as in sample_rate=44100",
            code="audio.no_sample_rate",
        )
    if waveform.ndim not in (1, 2) or not np.issubdtype(waveform.dtype, np.floating):
        raise UserError(
            f"the array has shape {waveform.shape} and type {waveform.dtype}; expected floats in "
            "[-1, 1], [samples] or [samples, channels]",
            code="audio.not_a_waveform",
        )
    if waveform.ndim == 2 and waveform.shape[0] < min(waveform.shape[1], 9):
        raise UserError(
            f"the array has shape {waveform.shape}, which looks like [channels, samples]; "
            "transpose it to [samples, channels]",
            code="audio.channels_first",
        )
    if waveform.ndim == 2:
        waveform = waveform.mean(axis=1)
    if not np.isfinite(waveform).all():
        raise UserError(
            "the array holds samples that are not finite numbers; check its source",
            code="audio.not_finite",
        )
    return resample(waveform.astype(np.float32), sample_rate, to_rate)


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Rounds float samples in [-1, 1) to int16 (one unit = 2**-15), clipping what lies outside."""
    return np.clip(np.round(waveform * 32768.0), -32768, 32767).astype(np.int16)


def encode_flac(samples: np.ndarray, sample_rate: int) -> bytes:
    """Encodes int16 [samples] as a mono 16-bit FLAC file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def decode_flac(data: bytes) -> np.ndarray:
    """Decodes a mono 16-bit FLAC file to int16 [samples]."""
    samples, _ = soundfile.read(io.BytesIO(data), dtype="int16")
    return samples
