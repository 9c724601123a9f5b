"""Products of spectrograms with filterbanks."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

_GROUP = 16  # filters that a CPU multiplies together; 8 are slower, 32 no faster


def apply_filterbank(S: jax.Array, filters: np.ndarray) -> jax.Array:  # noqa: N803
    """Energies in the bands of a filterbank, `S @ filters.T` in full float32.

    Most weights of a mel filterbank are zero. A CPU multiplies neighbouring filters with those bins
    only that they cover, a third of the time; an accelerator multiplies everything at once.

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
