"""Mixing the examples of a batch with each other.

Each is `transform(keys [batch], inputs [batch, ...]) -> (mixed inputs, partner, share)`: row i
holds `share[i]` of its own example and the rest of row `partner[i]`, and so should its target.

Partners are drawn by sorting one random number per example, and everyone mixes with the next:
that makes one random circle, in which nobody but a single example mixes with itself. It follows
from which examples are in the batch, whatever their rows.
"""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from mgr_jax.audio.augment.settings import Alpha

Mixed = tuple[jax.Array, jax.Array, jax.Array]


def mixup(keys: jax.Array, inputs: jax.Array, *, alpha: Alpha = 0.4) -> Mixed:
    """Adds examples up, weighted by shares (Zhang et al. 2018, arXiv 1710.09412).

    Args:
      keys: [batch], the random key of each example.
      inputs: [batch, ...] float32.
      alpha: shares are Beta(alpha, alpha): 1 is uniform, less prefers the ends.

    Returns:
      Mixed inputs [batch, ...], partners [batch] int32, shares of the own target [batch] float32.
    """
    partner, share_keys, _ = _draw(keys)
    share = _beta(share_keys, alpha)
    weight = _align(share, inputs)
    return weight * inputs + (1.0 - weight) * inputs[partner], partner, share


def cutmix(keys: jax.Array, inputs: jax.Array, *, alpha: Alpha = 1.0) -> Mixed:
    """Replaces a stretch of time by the partner's (after Yun et al. 2019, arXiv 1905.04899).

    The stretch lies wholly within the clip, at the same time in both.

    Args:
      keys: [batch], the random key of each example.
      inputs: [batch, time, ...] float32: waveforms or features.
      alpha: shares are Beta(alpha, alpha), rounded to whole samples or frames.

    Returns:
      Mixed inputs [batch, time, ...], partners [batch] int32, shares of the own time, and thus of
      the own target, [batch] float32.
    """
    partner, share_keys, start_keys = _draw(keys)
    size = inputs.shape[1]
    width = jnp.round((1.0 - _beta(share_keys, alpha)) * size).astype(jnp.int32)
    start = jax.vmap(lambda key, end: jax.random.randint(key, (), 0, end))(
        start_keys, size - width + 1
    )
    position = jnp.arange(size)
    foreign = (start[:, None] <= position) & (position < (start + width)[:, None])
    mixed = jnp.where(_align(foreign, inputs), inputs[partner], inputs)
    return mixed, partner, (size - width) / size


def _draw(keys: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Partners [batch] int32, and two further keys of each example."""
    order_keys, share_keys, place_keys = jax.vmap(lambda key: jax.random.split(key, 3))(keys).T
    order = jnp.argsort(jax.vmap(jax.random.bits)(order_keys))
    partner = jnp.zeros_like(order).at[order].set(jnp.roll(order, -1))
    return partner, share_keys, place_keys


def _beta(keys: jax.Array, alpha: float) -> jax.Array:
    """Shares [batch] of Beta(alpha, alpha), whose distribution function is met within 1e-3.

    By quantiles from the host: the usual rejection sampler takes seconds to compile.
    """
    levels = np.linspace(0.0, 1.0, 1025)
    quantiles = scipy.special.betaincinv(alpha, alpha, levels)
    drawn = jax.vmap(jax.random.uniform)(keys)
    return jnp.interp(drawn, levels.astype(np.float32), quantiles.astype(np.float32))


def _align(x: jax.Array, inputs: jax.Array) -> jax.Array:
    """Adds axes of one to the end of x, until it has as many as the inputs."""
    return x.reshape(x.shape + (1,) * (inputs.ndim - x.ndim))
