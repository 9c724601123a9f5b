"""Mixing the examples of a batch with each other.

Each is `transform(keys [batch], inputs [batch, ...], lengths) -> Mixed`: row i holds `share[i]` of
its own example and the rest of row `partner[i]`, and so should its target.

Partners are drawn by sorting one random number per example, and everyone mixes with the next:
that makes one random circle, in which nobody but a single example mixes with itself. It follows
from which examples are in the batch, whatever their rows.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from mgr_jax.audio.augment.settings import Alpha


class Mixed(NamedTuple):
    """A batch whose examples are mixed.

    Attributes:
      inputs: [batch, ...] float32.
      partner: [batch] int32, the row that each is mixed with.
      share: [batch] float32, of its own target.
      lengths: [batch] int32, of the mixed clips; None where all are full.
    """

    inputs: jax.Array
    partner: jax.Array
    share: jax.Array
    lengths: jax.Array | None


def mixup(
    keys: jax.Array, inputs: jax.Array, lengths: jax.Array | None = None, *, alpha: Alpha = 0.4
) -> Mixed:
    """Adds examples up, weighted by shares (Zhang et al. 2018, arXiv 1710.09412).

    Args:
      keys: [batch], the random key of each example.
      inputs: [batch, ...] float32; zeros beyond the lengths.
      lengths: [batch] int32 samples or frames of the clips; None: all are full. Of two clips the
        sum is as long as the longer one.
      alpha: shares are Beta(alpha, alpha): 1 is uniform, less prefers the ends.
    """
    partner, share_keys, _ = _draw(keys)
    share = _beta(share_keys, alpha)
    weight = _align(share, inputs)
    if lengths is not None:
        lengths = jnp.maximum(lengths, lengths[partner])
    return Mixed(weight * inputs + (1.0 - weight) * inputs[partner], partner, share, lengths)


def cutmix(
    keys: jax.Array, inputs: jax.Array, lengths: jax.Array | None = None, *, alpha: Alpha = 1.0
) -> Mixed:
    """Replaces a stretch of time by the partner's (after Yun et al. 2019, arXiv 1905.04899).

    The stretch lies wholly within the clip, at the same time in both.

    Args:
      keys: [batch], the random key of each example.
      inputs: [batch, time, ...] float32: waveforms or features.
      lengths: [batch] int32 samples or frames of the clips; None: all are full. The stretch lies
        within both clips, so that each stays as long as it was.
      alpha: shares are Beta(alpha, alpha) of the time that both have, rounded to whole samples or
        frames; those returned are of the own time.
    """
    partner, share_keys, start_keys = _draw(keys)
    own: int | jax.Array = inputs.shape[1]
    size = own
    if lengths is not None:
        own, size = lengths, jnp.minimum(lengths, lengths[partner])
    width = jnp.round((1.0 - _beta(share_keys, alpha)) * size).astype(jnp.int32)
    start = jax.vmap(lambda key, end: jax.random.randint(key, (), 0, end))(
        start_keys, size - width + 1
    )
    position = jnp.arange(inputs.shape[1])
    foreign = (start[:, None] <= position) & (position < (start + width)[:, None])
    mixed = jnp.where(_align(foreign, inputs), inputs[partner], inputs)
    return Mixed(mixed, partner, (own - width) / own, lengths)


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
