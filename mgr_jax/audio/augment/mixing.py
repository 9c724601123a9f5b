"""Mixes the examples of a batch with each other.

Each transform is `transform(keys [batch], inputs [batch, ...], lengths) -> Mixed`. Row i then holds
`share[i]` of its own example and the rest of its partner's. Its target should be mixed likewise.

Partners are neighbours: rows 0 and 1, 2 and 3, and so on. Each row has a share of its own. The
batches of a run are shuffled, so this is as random as drawing partners. It also gives the same
pairs on one device and on several, each of which has whole pairs. In an odd batch the last row is
its own partner.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from mgr_jax.audio.augment.settings import Alpha


class Mixed(NamedTuple):
    """A batch of mixed examples.

    Attributes:
      inputs: [batch, ...] float32.
      share: [batch] float32, of the row's own target.
      lengths: [batch] int32, of the mixed clips; None if all are full.
    """

    inputs: jax.Array
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

    Returns:
      The mixed batch.
    """
    share_keys, _ = _draw(keys)
    share = _beta(share_keys, alpha)
    weight = _align(share, inputs)
    if lengths is not None:
        lengths = jnp.maximum(lengths, of_partners(lengths))
    mixed = weight * inputs + (1.0 - weight) * of_partners(inputs)
    return Mixed(mixed, share, lengths)


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

    Returns:
      The mixed batch.
    """
    share_keys, start_keys = _draw(keys)
    own: int | jax.Array = inputs.shape[1]
    size = own
    if lengths is not None:
        own, size = lengths, jnp.minimum(lengths, of_partners(lengths))
    width = jnp.round((1.0 - _beta(share_keys, alpha)) * size).astype(jnp.int32)
    start = jax.vmap(lambda key, end: jax.random.randint(key, (), 0, end))(
        start_keys, size - width + 1
    )
    position = jnp.arange(inputs.shape[1])
    foreign = (start[:, None] <= position) & (position < (start + width)[:, None])
    mixed = jnp.where(_align(foreign, inputs), of_partners(inputs), inputs)
    return Mixed(mixed, (own - width) / own, lengths)


def of_partners(rows: jax.Array) -> jax.Array:
    """Exchanges the rows of every pair of [batch, ...].

    It reverses a short axis instead of indexing rows. So the compiler sees that no data moves
    between devices.
    """
    paired = rows[: len(rows) // 2 * 2]
    swapped = paired.reshape(-1, 2, *rows.shape[1:])[:, ::-1].reshape(paired.shape)
    return jnp.concatenate([swapped, rows[len(paired) :]])


def _draw(keys: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Two keys of each example."""
    share_keys, place_keys = jax.vmap(jax.random.split)(keys).T
    return share_keys, place_keys


def _beta(keys: jax.Array, alpha: float) -> jax.Array:
    """Shares [batch] of Beta(alpha, alpha); the distribution function is exact to 1e-3.

    They come from quantiles computed on the host, because the usual rejection sampler takes seconds
    to compile.
    """
    levels = np.linspace(0.0, 1.0, 1025)
    quantiles = scipy.special.betaincinv(alpha, alpha, levels)
    drawn = jax.vmap(jax.random.uniform)(keys)
    return jnp.interp(drawn, levels.astype(np.float32), quantiles.astype(np.float32))


def _align(x: jax.Array, inputs: jax.Array) -> jax.Array:
    """Adds axes of one to the end of x, until it has as many as the inputs."""
    return x.reshape(x.shape + (1,) * (inputs.ndim - x.ndim))
