"""Cosine transform, liftering and slopes over time, for cepstral coefficients."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft
import scipy.signal

from mgr_jax.errors import UserError


def dct_basis(size: int, count: int) -> np.ndarray:
    """The first functions of the orthonormal DCT-II, [size, count] float64."""
    return scipy.fft.dct(np.eye(size), type=2, norm="ortho")[:, :count]


def lifter_weights(count: int, lifter: float) -> np.ndarray:
    """Factors of the coefficients, [count] float64, as in `librosa.feature.mfcc`."""
    return 1.0 + lifter / 2.0 * np.sin(np.pi * np.arange(1, count + 1) / lifter)


def delta(
    features: jax.Array, *, width: int, order: int, frames: jax.Array | None = None
) -> jax.Array:
    """Local derivative over time, as `librosa.feature.delta` with its mode "interp".

    A polynomial of degree `order` is fitted to `width` frames around each frame; the first and last
    frames share the fit at their end (Savitzky and Golay 1964).

    Args:
      features: [batch, frames, bins], at least `width` frames.
      width: odd number of frames.
      order: 1 for the slope, 2 for the curvature.
      frames: [batch] int32, how many count, at least `width`; the last of these share the fit at
        their end. None: all.

    Returns:
      [batch, frames, bins].

    Raises:
      UserError: there are too few frames.
    """
    total, half = features.shape[1], width // 2
    if total < width:
        raise UserError(
            f"slopes over {width} frames cannot be fitted to {total}; use longer clips or a "
            "smaller delta_width",
            code="audio.too_short",
        )
    # Row p: what position p of a window of `width` frames is worth; row `half` is the middle.
    fit = np.stack(
        [
            scipy.signal.savgol_coeffs(width, order, deriv=order, pos=p, use="dot")
            for p in range(width)
        ]
    ).astype(np.float32)
    if frames is not None:
        last = jnp.maximum(0, frames[:, None] - width)
        start = jnp.clip(np.arange(total) - half, 0, last)
        windows = start[..., None] + np.arange(width)
        position = jnp.clip(np.arange(total) - start, 0, width - 1)
        parts = jax.vmap(lambda clip, rows: clip[rows])(features, windows)
        return jnp.einsum("btwf,btw->btf", parts, jnp.asarray(fit)[position], precision="highest")
    shifted = [features[:, i : total - width + 1 + i] for i in range(width)]
    middle = sum(weight * part for weight, part in zip(fit[half], shifted, strict=True))
    first = jnp.matmul(fit[:half], features[:, :width], precision="highest")
    last = jnp.matmul(fit[half + 1 :], features[:, -width:], precision="highest")
    return jnp.concatenate([first, middle, last], axis=1)
