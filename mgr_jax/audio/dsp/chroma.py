"""Energies of the pitch classes: filterbanks on the host, and the norm of a frame."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.errors import require

_A0 = 27.5  # Hz


def chroma_filterbank(
    *,
    sample_rate: float,
    n_fft: int,
    n_chroma: int,
    tuning: float,
    ctroct: float,
    octwidth: float | None,
    norm: float | None,
    base_c: bool,
) -> np.ndarray:
    """Weights of Fourier bins in pitch classes, as `librosa.filters.chroma`.

    A bin counts by a Gaussian of its distance from the pitch class, and by one of its octave.
    Source: D. Ellis, "Chroma feature analysis and synthesis" (2007).

    Args:
      sample_rate: in Hz.
      n_fft: samples per Fourier frame.
      n_chroma: pitch classes per octave.
      tuning: deviation from A4 = 440 Hz, in pitch classes.
      ctroct: octave above A0 that counts most.
      octwidth: standard deviation of the weights of octaves; None weighs all alike.
      norm: of each bin's weights before those of octaves: 1, 2, infinity or None.
      base_c: start at C instead of A.

    Returns:
      Weights [n_chroma, 1 + n_fft // 2] float32.

    Raises:
      UserError: norm is out of range.
    """
    _check_norm(norm)
    frequencies = np.arange(1, n_fft) * sample_rate / n_fft
    pitch = n_chroma * np.log2(frequencies / _A0) - tuning
    # 0 Hz has no pitch: it counts as one and a half octaves below the first bin.
    pitch = np.concatenate([pitch[:1] - 1.5 * n_chroma, pitch])
    width = np.append(np.maximum(np.diff(pitch), 1.0), 1.0)
    half = np.round(n_chroma / 2)
    distance = np.remainder(pitch - np.arange(n_chroma)[:, None] + half, n_chroma) - half
    weights = np.exp(-0.5 * (2 * distance / width) ** 2)
    if norm is not None:
        weights /= np.linalg.norm(weights, norm, axis=0)
    if octwidth is not None:
        weights *= np.exp(-0.5 * ((pitch / n_chroma - ctroct) / octwidth) ** 2)
    if base_c:
        weights = np.roll(weights, -3 * (n_chroma // 12), axis=0)
    return weights[:, : 1 + n_fft // 2].astype(np.float32)


def cq_to_chroma(
    *, n_bins: int, bins_per_octave: int, n_chroma: int, fmin: float, base_c: bool
) -> np.ndarray:
    """Pitch classes of constant-Q bins, as `librosa.filters.cq_to_chroma`.

    Args:
      n_bins: number of constant-Q bins.
      bins_per_octave: a multiple of n_chroma; the bins around a pitch class add up.
      n_chroma: pitch classes per octave.
      fmin: frequency of the first bin in Hz.
      base_c: start at C instead of A.

    Returns:
      Zeros and ones [n_chroma, n_bins] float32.

    Raises:
      UserError: bins_per_octave is not a multiple of n_chroma.
    """
    merged, rest = divmod(bins_per_octave, n_chroma)
    multiple = merged > 0 and rest == 0
    expected = f"it must be a multiple of n_chroma={n_chroma}"
    require(multiple, "bins_per_octave", bins_per_octave, expected)
    semitones_above_a = 12 * math.log2(fmin / _A0) % 12
    first = semitones_above_a + 9 * base_c
    pitch_class = (np.arange(n_bins) + merged // 2) // merged
    pitch_class = pitch_class + round(first % 12 * n_chroma / 12)
    return np.equal.outer(np.arange(n_chroma), pitch_class % n_chroma).astype(np.float32)


def fold(bins: jax.Array, weights: np.ndarray, *, norm: float | None) -> jax.Array:
    """The energies of pitch classes, [..., n_chroma].

    Args:
      bins: energies [..., bins].
      weights: [n_chroma, bins].
      norm: of every frame, see `normalise_frames`.
    """
    # At default precision accelerators round the factors.
    return normalise_frames(jnp.matmul(bins, weights.T, precision="highest"), norm=norm)


def normalise_frames(x: jax.Array, *, norm: float | None) -> jax.Array:
    """Divides every frame by its norm, as `librosa.util.normalize`; silent ones stay as they are.

    Args:
      x: [..., bins].
      norm: 1, 2 or infinity; None changes nothing.

    Returns:
      Of the shape of `x`.

    Raises:
      UserError: norm is out of range.
    """
    _check_norm(norm)
    if norm is None:
        return x
    peak = jnp.abs(x).max(axis=-1, keepdims=True)
    silent = peak < jnp.finfo(x.dtype).tiny
    # Squares of a soft frame would vanish. The peak cancels out, and so does its gradient.
    scaled = x / jax.lax.stop_gradient(jnp.where(silent, 1.0, peak))
    length = jnp.linalg.norm(jnp.where(silent, 1.0, scaled), norm, axis=-1, keepdims=True)
    return jnp.where(silent, x, scaled / length)


def _check_norm(norm: float | None) -> None:
    require(norm in (1, 2, math.inf, None), "norm", norm, "it must be 1, 2, infinity or None")
