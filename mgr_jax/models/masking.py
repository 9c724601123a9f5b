"""Leaving the filling of short clips out of what a network computes.

Clips of a batch are filled at their ends to one size. With `lengths` [batch] int32, the frames that
belong to each, a network answers as if every clip came alone: the filling is zero before every
convolution along time, as padding is, and no mean, maximum, state, attention or batch statistic
sees it. Pooling drops what does not fill a window, of the clip as of the array. A clip too short
for that keeps one frame: the maximum of what there is of it, or a convolution over it and zeros.
Without lengths all frames count, and nothing here computes anything.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

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


def convolve(layer: nn.Conv, x: jax.Array, lengths: Lengths) -> tuple[jax.Array, Lengths]:
    """A convolution over [batch, frames, ..., channels], and how long the clips are after it.

    `layer` pads by "SAME" only where its stride is 1: how much a larger one pads at the start would
    depend on the size of the array.
    """
    if lengths is None:
        return layer(x), None
    taps = layer.kernel_size[0]  # type: ignore[index]
    apart = layer.kernel_dilation
    window = 1 + (taps - 1) * ((apart[0] if isinstance(apart, Sequence) else apart) or 1)
    stride = layer.strides if isinstance(layer.strides, int) else (layer.strides or [1])[0]
    if isinstance(layer.padding, str):
        padding = window - 1 if layer.padding == "SAME" else 0
    else:
        padding = sum(layer.padding[0])  # type: ignore[index, arg-type]
    return layer(mask_frames(x, lengths)), shorten(lengths, window, stride, padding)


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


def batch_norm(x: jax.Array, lengths: Lengths, *, train: bool, **settings: Any) -> jax.Array:
    """Batch normalisation, as a layer of the module that calls it.

    Args:
      x: [batch, ...]; with lengths [batch, frames, ..., channels], whose channels are normalised.
      lengths: frames of each clip that count; None: all.
      train: use the statistics of the batch, and update the running ones.
      **settings: of `flax.linen.BatchNorm`.
    """
    if train and lengths is not None:
        return MaskedBatchNorm(**settings)(x, frame_mask(x, lengths))
    return nn.BatchNorm(use_running_average=not train, **settings)(x)


class MaskedBatchNorm(nn.BatchNorm):
    """Batch normalisation in training by the statistics of what a mask leaves.

    Its parameters and its running statistics are those of `flax.linen.BatchNorm`, which under pmap
    averages the means of the devices, however much each of them has to count.
    """

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array) -> jax.Array:  # type: ignore[override]
        """Normalises the last axis of [batch, ..., channels].

        Args:
          x: the batch.
          mask: [batch, ..., 1] bool, which broadcasts to x: what counts.
        """
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        axes = tuple(range(x.ndim - 1))
        counted = jnp.broadcast_to(mask, (*x.shape[:-1], 1))
        sums = [
            counted.sum(axis=axes, dtype=jnp.float32),
            *(each.sum(axis=axes, where=counted) for each in (wide, jnp.square(wide))),
        ]
        if self.axis_name and not self.is_initializing():
            sums = lax.psum(sums, self.axis_name)
        mean, mean_square = sums[1] / sums[0], sums[2] / sums[0]
        variance = jnp.maximum(0.0, mean_square - jnp.square(mean))
        shape = (x.shape[-1],)
        for name, start, new in (("mean", jnp.zeros, mean), ("var", jnp.ones, variance)):
            running = self.variable("batch_stats", name, start, shape)
            if not self.is_initializing():
                running.value = self.momentum * running.value + (1 - self.momentum) * new
        scale = self.param("scale", self.scale_init, shape)
        bias = self.param("bias", self.bias_init, shape)
        factor = lax.rsqrt(variance + self.epsilon) * scale
        return ((wide - mean) * factor + bias).astype(self.dtype or x.dtype)
