"""Constant-Q transform, computed in the time domain, frames before bins."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mgr_jax.audio.dsp.stft import PAD_MODES, get_window, min_samples, num_frames, window_taps
from mgr_jax.errors import UserError, require

C1 = 32.70319566257483  # Hz, 45 semitones below A4 = 440 Hz


def cqt_frequencies(*, fmin: float, n_bins: int, bins_per_octave: int, tuning: float) -> np.ndarray:
    """The centre frequencies [n_bins] in Hz, ascending, as `librosa.cqt_frequencies`.

    Args:
      fmin: frequency of the first bin in Hz.
      n_bins: number of bins.
      bins_per_octave: bins per doubling of the frequency.
      tuning: shift of all bins, in bins.

    Raises:
      UserError: fmin, n_bins or bins_per_octave is not positive.
    """
    for name, value in (("fmin", fmin), ("n_bins", n_bins), ("bins_per_octave", bins_per_octave)):
        require(value > 0, name, value, "it must be positive")
    return fmin * 2.0 ** ((np.arange(n_bins) + tuning) / bins_per_octave)


def cqt_lengths(
    *,
    sample_rate: float,
    fmin: float,
    n_bins: int,
    bins_per_octave: int,
    tuning: float,
    filter_scale: float,
    window: str | tuple,
) -> np.ndarray:
    """Lengths [n_bins] of the filters in samples, as `librosa.filters.wavelet_lengths`.

    Args:
      sample_rate: in Hz.
      fmin: frequency of the first bin in Hz.
      n_bins: number of bins.
      bins_per_octave: bins per doubling of the frequency.
      tuning: shift of all bins, in bins.
      filter_scale: length of the filters; at 1 the bands of every other bin meet.
      window: a periodic window by its name in `scipy.signal.get_window`.

    Returns:
      Fractions of samples, descending.

    Raises:
      UserError: a setting is out of range, or the highest band exceeds half the sample rate.
    """
    frequencies = cqt_frequencies(
        fmin=fmin, n_bins=n_bins, bins_per_octave=bins_per_octave, tuning=tuning
    )
    require(filter_scale > 0, "filter_scale", filter_scale, "it must be positive")
    ratio = 4.0 ** (1 / bins_per_octave)
    quality = filter_scale * (ratio + 1) / (ratio - 1)
    taps = get_window(window, None, 1000).astype(np.float64)
    noise_bandwidth = len(taps) * np.sum(taps**2) / np.sum(taps) ** 2
    highest = frequencies[-1] * (1 + 0.5 * noise_bandwidth / quality)
    if highest > sample_rate / 2:
        raise UserError(
            f"n_bins={n_bins} from fmin={fmin:.6g} reach up to {highest:.0f} Hz, but sample_rate="
            f"{sample_rate:g} ends at {sample_rate / 2:g} Hz; use a smaller n_bins or a lower fmin",
            code="argument.out_of_range",
        )
    return quality * sample_rate / frequencies


def cqt_frame_length(lengths: np.ndarray) -> int:
    """The samples per frame for filters of these lengths, an even number.

    `num_frames` and `min_samples` take it as n_fft.

    Args:
      lengths: of the filters in samples, descending.
    """
    return 2 * math.ceil(lengths[0] / 2) + 2


def cqt_filterbank(
    *,
    sample_rate: float,
    fmin: float,
    n_bins: int,
    bins_per_octave: int,
    tuning: float,
    filter_scale: float,
    norm: float | None,
    window: str | tuple,
) -> list[np.ndarray]:
    """Filters with which `cqt` multiplies frames: those of `librosa.cqt(scale=True)`.

    They are `librosa.filters.wavelet` times the root of their length, reversed in time, since
    librosa convolves.

    Args:
      sample_rate: in Hz.
      fmin: frequency of the first bin in Hz.
      n_bins: number of bins.
      bins_per_octave: bins per doubling of the frequency.
      tuning: shift of all bins, in bins.
      filter_scale: length of the filters; at 1 the bands of every other bin meet.
      norm: of each filter before it is scaled: 1, 2, infinity or None.
      window: a periodic window by its name in `scipy.signal.get_window`.

    Returns:
      One array [frame length, bins] complex64 per octave, from the lowest; the filters of an octave
      are of about one length. Frame t is centred on the sample after half its length.

    Raises:
      UserError: a setting is out of range, or the highest band exceeds half the sample rate.
    """
    require(norm in (1, 2, math.inf, None), "norm", norm, "it must be 1, 2, infinity or None")
    bins: dict[str, Any] = {
        "fmin": fmin,
        "n_bins": n_bins,
        "bins_per_octave": bins_per_octave,
        "tuning": tuning,
    }
    frequencies = cqt_frequencies(**bins)
    lengths = cqt_lengths(sample_rate=sample_rate, filter_scale=filter_scale, window=window, **bins)
    octaves = []
    for first in range(0, n_bins, bins_per_octave):
        octave = lengths[first : first + bins_per_octave]
        filters = np.zeros((cqt_frame_length(octave), len(octave)), np.complex64)
        for column, length in enumerate(octave):
            time = np.arange(-length // 2, length // 2).astype(int)
            wavelet = np.exp(2j * np.pi * frequencies[first + column] / sample_rate * time)
            wavelet *= window_taps(window, len(time), periodic=True)
            size = 1.0 if norm is None else np.linalg.norm(wavelet, norm)
            filters[len(filters) // 2 - time, column] = wavelet * np.sqrt(length) / size
        octaves.append(filters)
    return octaves


def cqt(
    y: jax.Array,
    filterbank: Sequence[np.ndarray],
    *,
    hop_length: int,
    center: bool,
    pad_mode: str,
) -> jax.Array:
    """Constant-Q transform, as `librosa.cqt` defines it.

    librosa resamples from octave to octave and drops 1% of each filter, which costs it 1 to 3% of
    the maximum at its defaults; this does neither, and is exact to 1e-6. With a norm other than 1
    librosa's resampling also changes the levels of its octaves.

    Args:
      y: waveforms [batch, samples] float32.
      filterbank: from `cqt_filterbank`.
      hop_length: samples between frames.
      center: pad by half the longest frame on both sides, so that frame t is centred on sample
        t * hop_length.
      pad_mode: "constant" (zeros) or "reflect".

    Returns:
      [batch, frames, bins] complex64.

    Raises:
      UserError: the clips are too short, or pad_mode is out of range.
    """
    require(pad_mode in PAD_MODES, "pad_mode", pad_mode, f"use one of {', '.join(PAD_MODES)}")
    samples, longest = y.shape[-1], max(map(len, filterbank))
    needed = min_samples(n_fft=longest, center=center, pad_mode=pad_mode)
    if samples < needed:
        raise UserError(
            f"clips of {samples} samples are too short: a filter of {longest} with center={center} "
            f"and pad_mode={pad_mode!r} needs at least {needed}; use longer clips or a higher fmin",
            code="audio.too_short",
        )
    frames = num_frames(samples, n_fft=longest, hop_length=hop_length, center=center)
    if center:
        y = jnp.pad(y, ((0, 0), (longest // 2, longest // 2)), mode=pad_mode)
    y = jnp.pad(y, ((0, 0), (0, hop_length)))  # the last block may reach beyond the last frame
    octaves = [
        _multiply(y[:, (longest - len(filters)) // 2 :], filters, frames, hop_length)
        for filters in filterbank
    ]
    return jnp.concatenate(octaves, axis=-1)


def _multiply(y: jax.Array, filters: np.ndarray, frames: int, hop_length: int) -> jax.Array:
    """Products [batch, frames, bins] of the frames of [batch, samples] with [length, bins].

    The filters are cut into parts of hop_length samples and multiplied with blocks of as many; a
    frame is the sum over its blocks. Frames share blocks, which takes a twentieth of the memory of
    overlapping frames and, on a CPU, a fifth of the time.
    """
    length, bins = filters.shape
    parts = -(-length // hop_length)
    kernel = np.concatenate([filters.real, filters.imag], axis=1)
    kernel = np.pad(kernel, ((0, parts * hop_length - length), (0, 0)))
    kernel = kernel.reshape(parts, hop_length, -1).swapaxes(0, 1).reshape(hop_length, -1)
    blocks = y[:, : (frames + parts - 1) * hop_length].reshape(y.shape[0], -1, hop_length)
    products = jnp.matmul(blocks, kernel, precision="highest")
    products = products.reshape(*blocks.shape[:2], parts, 2 * bins)
    total = products[:, :frames, 0]
    for part in range(1, parts):
        total += products[:, part : part + frames, part]
    return lax.complex(total[..., :bins], total[..., bins:])
