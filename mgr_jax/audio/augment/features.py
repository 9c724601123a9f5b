"""SpecAugment's masks on the features of one clip (Park et al. 2019, arXiv 1904.08779).

Each is `transform(key, features [frames, bins] or [frames, bins, channels]) -> same shape`. For a
clip that is filled up, `length` gives its frames: masks lie within them, and so does the mean.
The defaults are narrower than the paper's, which were made for utterances of many seconds.
"""

from typing import Literal

import jax
import jax.numpy as jnp

from mgr_jax.audio.augment.settings import Count
from mgr_jax.errors import UserError

Fill = Literal["mean", "zero"]


def time_mask(
    key: jax.Array,
    features: jax.Array,
    *,
    masks: Count = 2,
    max_frames: Count = 20,
    fill: Fill = "mean",
    length: jax.Array | None = None,
) -> jax.Array:
    """Hides stretches of frames, in all bins and channels.

    Args:
      key: random key.
      features: [frames, bins] or [frames, bins, channels] float32.
      masks: number of stretches, which may overlap.
      max_frames: widest stretch in frames; widths are uniform from 0, places uniform.
      fill: "mean", of the clip in each channel, or "zero".
      length: [] int32, the frames of the clip; None: all.

    Returns:
      The masked features, of the shape of `features`.

    Raises:
      UserError: the clip has fewer than `max_frames` frames.
    """
    return _mask("time_mask", key, features, 0, masks, max_frames, fill, length)


def frequency_mask(
    key: jax.Array,
    features: jax.Array,
    *,
    masks: Count = 2,
    max_bins: Count = 16,
    fill: Fill = "mean",
    length: jax.Array | None = None,
) -> jax.Array:
    """Hides bands of bins, in all frames and channels.

    Args:
      key: random key.
      features: [frames, bins] or [frames, bins, channels] float32.
      masks: number of bands, which may overlap.
      max_bins: widest band in bins; widths are uniform from 0, places uniform.
      fill: "mean", of the clip in each channel, or "zero".
      length: [] int32, the frames of the clip; None: all.

    Returns:
      The masked features, of the shape of `features`.

    Raises:
      UserError: the features have fewer than `max_bins` bins.
    """
    return _mask("frequency_mask", key, features, 1, masks, max_bins, fill, length)


def _mask(
    name: str,
    key: jax.Array,
    features: jax.Array,
    axis: int,
    masks: int,
    max_width: int,
    fill: str,
    length: jax.Array | None,
) -> jax.Array:
    size, unit = features.shape[axis], ("frames", "bins")[axis]
    if max_width > size:
        raise UserError(
            f"{name} has max_{unit}={max_width}, but a clip has {size} {unit}; lower it",
            code="augment.mask_too_wide",
        )
    width_key, start_key = jax.random.split(key)
    width = jax.random.randint(width_key, (masks, 1), 0, max_width + 1)
    end: int | jax.Array = size
    if axis == 0 and length is not None:
        # As large a share of a short clip as of a full one.
        width, end = jnp.asarray(width * (length / size), jnp.int32), length
    start = jax.random.randint(start_key, (masks, 1), 0, end - width + 1)
    position = jnp.arange(size)
    hidden = ((start <= position) & (position < start + width)).any(axis=0)
    others = [other for other in range(features.ndim) if other != axis]
    counted = None
    if length is not None:
        counted = jnp.expand_dims(jnp.arange(len(features)) < length, range(1, features.ndim))
    means = jnp.mean(features, axis=(0, 1), keepdims=True, where=counted)
    hiding = means if fill == "mean" else 0.0
    return jnp.where(jnp.expand_dims(hidden, others), hiding, features)
