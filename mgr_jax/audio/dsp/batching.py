"""Lays out work over the processor: batches of clips, and products with filterbanks."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

_GROUP = 16  # filters that a CPU multiplies together; 8 are slower, 32 no faster


def map_clips(function: Callable[..., jax.Array], *clips: jax.Array | None) -> jax.Array:
    """Applies `function` to a batch, one clip after the other on a CPU.

    The frames of a whole batch overflow a CPU's caches and take up to three times as long as clip
    by clip; an accelerator wants them all at once. The choice is made for the platform the program
    is lowered for, so it also holds for exported programs.

    Args:
      function: maps [batch, ...] to [batch, ...] for any batch size, each clip by itself.
      *clips: what it takes, [batch, ...] each, or None.

    Returns:
      `function(*clips)`.
    """

    def one_by_one(*clips: jax.Array | None) -> jax.Array:
        def one(clip: tuple[jax.Array | None, ...]) -> jax.Array:
            return function(*jax.tree.map(lambda x: x[None], clip))[0]

        return lax.map(one, clips)

    return lax.platform_dependent(*clips, cpu=one_by_one, default=function)


def to_float(steps: jax.Array) -> jax.Array:
    """Stored values as float32: int16 samples to [-1, 1), uint8 levels to [0, 1]."""
    steps = jnp.asarray(steps)
    full = {jnp.dtype("int16"): 32768.0, jnp.dtype("uint8"): 255.0}.get(steps.dtype, 1.0)
    return steps.astype(jnp.float32) / full


def apply_filterbank(S: jax.Array, filters: np.ndarray) -> jax.Array:  # noqa: N803
    """Energies in the bands of a filterbank, `S @ filters.T` in full float32.

    Most weights of a mel filterbank are zero. A CPU multiplies groups of neighbouring filters only
    with the bins that they cover, which takes a third of the time. An accelerator multiplies
    everything at once.

    Args:
      S: spectrogram [..., bins] float32.
      filters: [bands, bins] float32, ordered by frequency.

    Returns:
      [..., bands] float32.
    """

    def multiply(bins: slice, bands: slice) -> jax.Array:
        # At default precision accelerators round the factors, which costs several dB.
        return jnp.matmul(S[..., bins], filters[bands, bins].T, precision="highest")

    def by_groups() -> jax.Array:
        products = []
        for first in range(0, len(filters), _GROUP):
            bands = slice(first, first + _GROUP)
            covered = np.flatnonzero(filters[bands].any(axis=0))
            bins = slice(covered[0], covered[-1] + 1) if len(covered) else slice(1)
            products.append(multiply(bins, bands))
        return jnp.concatenate(products, axis=-1)

    return lax.platform_dependent(cpu=by_groups, default=lambda: multiply(slice(None), slice(None)))
