"""Leaving the filling of short clips out of what a network computes.

Clips of a batch are filled at their ends to one size. With `lengths` [batch] int32, the frames that
belong to each, a network answers as if every clip came alone: the filling is zero before every
convolution along time, as padding is, and no mean, maximum, state, attention or batch statistic
sees it. Pooling drops what does not fill a window, of the clip as of the array. A clip too short
for that keeps one frame: the maximum of what there is of it, or a convolution over it and zeros.
Without lengths all frames count, and nothing here computes anything.
"""

from typing import Any

import jax
import jax.numpy as jnp

from mgr_jax.models.convolution import Conv

Lengths = jax.Array | None


def frame_mask(x: jax.Array, lengths: jax.Array) -> jax.Array:
    """Which frames of [batch, frames, ...] belong to their clips: [batch, frames, 1, ...] bool."""
    inside = jnp.arange(x.shape[1]) < lengths[:, None]
    return inside.reshape(inside.shape + (1,) * (x.ndim - 2))


def mask_frames(x: jax.Array, lengths: Lengths, value: float = 0.0) -> jax.Array:
    """[batch, frames, ...] with a value in place of the filling, whatever was there."""
    return x if lengths is None else jnp.where(frame_mask(x, lengths), x, value)


def shorten(lengths: Lengths, window: int, stride: int | None = None, padding: int = 0) -> Lengths:
    """Frames that a window leaves of each clip.

    Args:
      lengths: [batch] before.
      window: frames that it sees at a time.
      stride: frames from one place to the next; None: as many as it sees.
      padding: frames added at both ends together.
    """
    if lengths is None:
        return None
    left = (lengths + padding - window) // (stride or window) + 1
    return jnp.where(lengths > 0, jnp.maximum(left, 1), 0)


def convolve(
    layer: Conv, x: jax.Array, lengths: Lengths, *, bias_apart: bool = False
) -> tuple[Any, Lengths]:
    """A convolution over [batch, frames, ..., channels], and how long the clips are after it.

    `layer` pads by "SAME" only where its stride is 1: how much a larger one pads at the start would
    depend on the size of the array. See there for `bias_apart`.
    """
    if lengths is None:
        return layer(x, bias_apart=bias_apart), None
    window = 1 + (layer.kernel_size[0] - 1) * layer.kernel_dilation
    stride = layer.strides if isinstance(layer.strides, int) else layer.strides[0]
    if isinstance(layer.padding, str):
        padding = window - 1 if layer.padding == "SAME" else 0
    else:
        padding = sum(layer.padding[0])
    result = layer(mask_frames(x, lengths), bias_apart=bias_apart)
    return result, shorten(lengths, window, stride, padding)


def clip_mean(x: jax.Array, lengths: Lengths, *, keepdims: bool = False) -> jax.Array:
    """Mean of [batch, frames, ..., channels] over all but batch and channels."""
    where = None if lengths is None else frame_mask(x, lengths)
    return x.mean(axis=tuple(range(1, x.ndim - 1)), keepdims=keepdims, where=where)


def last_frame(x: jax.Array, lengths: Lengths) -> jax.Array:
    """The last frame [batch, ...] of [batch, frames, ...]."""
    return x[:, -1] if lengths is None else x[jnp.arange(len(x)), lengths - 1]


def reverse(x: jax.Array, lengths: Lengths) -> jax.Array:
    """[batch, frames, ...] backwards in time; the filling stays at the end."""
    if lengths is None:
        return x[:, ::-1]
    place = jnp.arange(x.shape[1])
    source = jnp.where(place < lengths[:, None], lengths[:, None] - 1 - place, place)
    return jax.vmap(lambda clip, order: clip[order])(x, source)
