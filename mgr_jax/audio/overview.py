"""An overview of a whole sound in few columns: its envelope and mel spectrogram."""

import itertools
from dataclasses import dataclass

import numpy as np

from mgr_jax.audio.dsp.mel import mel_filterbank, mel_frequencies

COLUMNS = 1500  # at most: more than a picture has
MELS = 64
_LEAST_HOP = 256  # samples of a column
_FRAMES = 8  # of a column, spread over it, however many samples it has
_FRAME_SECONDS = 0.08
_DYNAMIC_RANGE = 80.0  # dB


@dataclass(frozen=True)
class Overview:
    """A sound in few columns, each of as many samples.

    Attributes:
      low: the least sample, [columns], in [-1, 1].
      high: the greatest, [columns].
      mel: mean level in dB below the loudest, [columns, bands], at least -80.
      frequencies: of the middle of each band in Hz, [bands].
    """

    low: np.ndarray
    high: np.ndarray
    mel: np.ndarray
    frequencies: np.ndarray


def make_overview(samples: np.ndarray, rate: float) -> Overview:
    """Makes an overview of a sound of any length, column by column.

    The envelope covers all samples. In long sounds, the levels are means over a few frames of each
    column, so ten hours take as much work as ten minutes.

    Args:
      samples: [samples] int16, at least one; may be mapped from a file.
      rate: in Hz.

    Returns:
      The overview.
    """
    columns = int(np.clip(len(samples) // _LEAST_HOP, 1, COLUMNS))
    bounds = np.linspace(0, len(samples), columns + 1).astype(np.int64)
    low, high = np.empty(columns, np.float32), np.empty(columns, np.float32)
    size = 2 ** round(np.log2(_FRAME_SECONDS * rate))
    window = np.hanning(size + 1)[:-1]
    top = rate / 2
    filters = mel_filterbank(
        sample_rate=rate, n_fft=size, n_mels=MELS, fmin=0.0, fmax=top, htk=False, norm="slaney"
    )
    power = np.empty((columns, MELS))
    for column, (first, last) in enumerate(itertools.pairwise(bounds.tolist())):
        part = samples[first:last]
        low[column], high[column] = part.min() / 2**15, part.max() / 2**15
        frames = _frames(samples, first, last, size) * window
        spectrum = (np.abs(np.fft.rfft(frames / 2**15)) ** 2).mean(axis=0)
        power[column] = filters @ spectrum
    level = 10 * np.log10(np.maximum(power, 1e-10))
    return Overview(
        low,
        high,
        np.maximum(level - level.max(), -_DYNAMIC_RANGE).astype(np.float32),
        mel_frequencies(n_mels=MELS, fmin=0.0, fmax=top, htk=False)[1:-1],
    )


def _frames(samples: np.ndarray, first: int, last: int, size: int) -> np.ndarray:
    """Frames [frames, size] around a column, with zeros beyond the ends of the sound."""
    count = int(np.clip(2 * (last - first) // size, 1, _FRAMES))
    middles = first + ((np.arange(count) + 0.5) * (last - first) / count).astype(np.int64)
    frames = np.zeros((count, size))
    for frame, start in zip(frames, middles - size // 2, strict=True):
        part = samples[max(start, 0) : start + size]
        place = max(-start, 0)
        frame[place : place + len(part)] = part
    return frames
