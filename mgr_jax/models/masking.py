"""Keeps the filling of short clips out of the computation of a network.

Clips of a batch are filled up at their ends to one size. `lengths` [batch] int32 gives the frames
that belong to each. With it, a network answers as if every clip came alone. The filling is zero
before every convolution along time, like padding, and it enters no mean, maximum, state, attention
or batch statistic. Pooling drops frames that do not fill a window, at the end of the clip as at the
end of the array. A clip that is too short for a window keeps one frame: the maximum over its
frames, or a convolution over them and zeros. Without lengths all frames count, and nothing here
computes anything.
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
    """The frames of clips, with `value` in place of the filling.

    Args:
      x: [batch, frames, ...].
      lengths: [batch] frames of each clip that count; None: all.
      value: of the other frames.
    """
    return x if lengths is None else jnp.where(frame_mask(x, lengths), x, value)


def shorten(lengths: Lengths, window: int, stride: int | None = None, padding: int = 0) -> Lengths:
    """The number of frames of each clip after a window.

    Args:
      lengths: [batch] before; None: all frames count.
      window: frames that it spans.
      stride: frames from one position to the next; None: the same as `window`.
      padding: frames added at both ends together.
    """
    if lengths is None:
        return None
    left = (lengths + padding - window) // (stride or window) + 1
    return jnp.where(lengths > 0, jnp.maximum(left, 1), 0)


def convolve(
    layer: Conv, x: jax.Array, lengths: Lengths, *, bias_apart: bool = False
) -> tuple[Any, Lengths]:
    """A convolution over [batch, frames, ..., channels], with the lengths of the clips after it.

    `layer` may pad by "SAME" only with a stride of 1. With a larger stride, the padding at the
    start would depend on the size of the array.

    Args:
      layer: the convolution.
      x: [batch, frames, ..., channels].
      lengths: [batch] frames of each clip that count; None: all.
      bias_apart: return the bias beside the result instead of adding it, see `Conv`.
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
    """The mean over all axes except batch and channels.

    Args:
      x: [batch, frames, ..., channels].
      lengths: [batch] frames of each clip that count; None: all.
      keepdims: keep the axes as axes of size 1.
    """
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
