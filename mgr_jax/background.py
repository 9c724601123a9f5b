"""Decides whether a clip is music at all, from statistics of its sound.

A network that has learnt only genres gives every sound a genre. Its own outputs separate noise from
music badly. The shape of the spectrum and its movement separate them well (docs/undecided.md).
This module needs only NumPy.
"""

import functools
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

_FRAME, _LEAST_FRAMES = 0.064, 8  # seconds, about; a shorter clip is heard again and again
_BANDS, _COEFFICIENTS, _PEAKS = 32, 13, 20
_APART = 0.25  # seconds between spectra that are compared
_SWELLS = (0.3, 1, 2, 4, 6, 9, 15)  # Hz: beats lie low, syllables at 2 to 8
_FAR = 6.0  # standard deviations
STATISTICS = 3 * _COEFFICIENTS + 8 + len(_SWELLS) - 1 + 3


def sound_statistics(clip: np.ndarray, rate: float) -> np.ndarray:
    """The statistics of the sound of a clip, [n] float32.

    They are, in this order: means, deviations and changes of the cepstral coefficients (timbre);
    flatness of the spectra; similarity of neighbouring and of distant spectra; height of the
    spectral peaks (tones); shares of slow and fast swells; level, its variation, and the quiet
    share.

    Args:
      clip: [samples] int16.
      rate: sample rate in Hz.
    """
    size, edges, cosines = _parts(rate)
    hop = size // 2
    sound = clip.astype(np.float32) / 32768
    if len(sound) < (_LEAST_FRAMES + 1) * hop:
        sound = np.resize(sound, (_LEAST_FRAMES + 1) * hop)
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[::hop]
    frames = frames * np.hanning(size).astype(np.float32)
    spectra = np.fft.rfft(frames)
    power = (spectra.real**2 + spectra.imag**2) / (size**2 / 16)
    level = 10 * np.log10((frames**2).mean(axis=1) + 1e-10)
    # No product of matrices: BLAS has threads of its own, which wait for busy cores.
    decibels = 10 * np.log10(np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1) + 1e-10)
    cepstra = decibels @ cosines

    fine = np.log(power[:, 2:] + 1e-10)
    flatness = fine.mean(axis=1) - np.log(power[:, 2:].mean(axis=1) + 1e-10)
    fine -= fine.mean(axis=1, keepdims=True)
    lengths = np.sqrt((fine**2).sum(axis=1)) + 1e-5
    apart = min(max(2, round(_APART * rate / hop)), len(fine) - 1)
    near, far = (
        (fine[k:] * fine[:-k]).sum(axis=1) / (lengths[k:] * lengths[:-k]) for k in (1, apart)
    )
    peaks = np.partition(fine, -_PEAKS, axis=1)[:, -_PEAKS:].mean(axis=1)

    window = np.hanning(len(decibels))[:, None]
    swells = np.abs(np.fft.rfft((decibels - decibels.mean(axis=0)) * window, axis=0)) ** 2
    swells, hertz = swells.mean(axis=1), np.fft.rfftfreq(len(decibels), hop / rate)
    total = swells[1:].sum() + 1e-6
    shares = [
        np.log10(swells[(hertz >= low) & (hertz < high)].sum() / total + 1e-4)
        for low, high in itertools.pairwise(_SWELLS)
    ]
    pairs = [[x.mean(), x.std()] for x in (flatness, near, far, peaks)]
    levels = [level.mean(), np.log(level.std() + 0.1), (level < level.max() - 25).mean()]
    return np.concatenate(
        [
            cepstra.mean(axis=0),
            np.log(cepstra.std(axis=0) + 0.1),
            np.log(np.abs(np.diff(cepstra, axis=0)).mean(axis=0) + 0.1),
            *pairs,
            shares,
            levels,
        ]
    ).astype(np.float32)


def expand_statistics(statistics: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Standardised statistics and their squares, [clips, 2 n], as `weights` expects them.

    With the squares, a score can grow on both sides of typical music.

    Args:
      statistics: [clips, n], see `sound_statistics`.
      mean: [n], the mean of each statistic.
      scale: [n], the standard deviation of each statistic.
    """
    z = np.clip((statistics - mean) / scale, -_FAR, _FAR)
    return np.concatenate([z, z**2], axis=-1)


def background_scores(statistics: np.ndarray, detector: Mapping[str, Any]) -> np.ndarray:
    """The log odds that clips are not music, [clips].

    Args:
      statistics: [clips, n], see `sound_statistics`.
      detector: see `Decisions.background`.
    """
    mean, scale, weights = (np.asarray(detector[name]) for name in ("mean", "scale", "weights"))
    return expand_statistics(statistics, mean, scale) @ weights + detector["bias"]


def require_detector(detector: Mapping[str, Any]) -> None:
    """Checks that a mapping is a detector for `background_scores`.

    Args:
      detector: "mean" and "scale" [n], "weights" [2 n], "bias" and "threshold".

    Raises:
      ValueError: a name or a shape is wrong, a number is not finite, or a scale is not positive.
    """
    sizes = {"mean": STATISTICS, "scale": STATISTICS, "weights": 2 * STATISTICS}
    if set(detector) != {*sizes, "bias", "threshold"}:
        raise ValueError(f"background holds {', '.join(detector)}")
    for name, value in detector.items():
        array = np.asarray(value)
        shape = (sizes[name],) if name in sizes else ()
        if array.shape != shape or array.dtype.kind not in "if" or not np.isfinite(array).all():
            raise ValueError(f"background: {name} is no {sizes.get(name, 1)} finite numbers")
    if min(detector["scale"]) <= 0:
        raise ValueError("background: scale is not above 0")


@functools.lru_cache(maxsize=4)
def _parts(rate: float) -> tuple[int, np.ndarray, np.ndarray]:
    """Samples of a frame, bins where mel bands begin and end, and a DCT [bands, coefficients]."""
    size = 2 ** round(np.log2(_FRAME * rate))
    first, last = 2595 * np.log10(1 + np.array([60, min(rate / 2, 8000)]) / 700)
    hertz = 700 * (10 ** (np.linspace(first, last, _BANDS + 1) / 2595) - 1)
    angles = np.pi / _BANDS * (np.arange(_BANDS)[:, None] + 0.5)
    cosines = np.sqrt(2 / _BANDS) * np.cos(angles * np.arange(1, _COEFFICIENTS + 1))
    return size, np.round(hertz * size / rate).astype(int), cosines.astype(np.float32)
