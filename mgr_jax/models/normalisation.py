"""Batch normalisation that leaves filling out, and pools in the same pass over memory."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax


class BatchNorm(nn.Module, kw_only=True):
    """Batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167).

    Parameters "scale" and "bias", running statistics "mean" and "var", and values are those of
    `flax.linen.BatchNorm`. Three things are its own: a mask leaves filling out of the statistics,
    which Flax averages over devices however much each of them has to count; a bias of the layer
    before, which the statistics take away again, need not be added to the whole array; and the
    maximum over windows can be taken in the same pass, with a gradient that reads the array twice
    and writes it once.

    Attributes:
      train: use the statistics of the batch, and update the running ones.
      momentum: share of the old running statistics kept at each step.
      epsilon: added to the variance.
      axis: that of the channels.
      axis_name: mapped axis over which the statistics are averaged, if any.
      dtype: of the result; statistics are float32.
    """

    train: bool
    momentum: float = 0.99
    epsilon: float = 1e-5
    axis: int = -1
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        *,
        mask: jax.Array | None = None,
        shift: jax.Array | None = None,
        window: Sequence[int] = (),
    ) -> jax.Array:
        """Normalises every channel.

        Args:
          x: [batch, ..., channels], or with the channels along `axis`.
          mask: bool, broadcasts to x with one channel: what counts. None: everything.
          shift: [channels], is to be added to x before.
          window: of the maximum over the result, along each axis between batch and channels, which
            are the last; what does not fill a window is dropped. Empty: none.

        Returns:
          An array of the shape of x, divided by the window.
        """
        axis = self.axis % x.ndim
        others = tuple(place for place in range(x.ndim) if place != axis)
        shape = (x.shape[axis],)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        running_variance = self.variable("batch_stats", "var", jnp.ones, shape)
        shift = jnp.zeros(shape) if shift is None else shift
        if not self.train:
            mean, variance = running_mean.value - shift, running_variance.value
        else:
            mean, variance = self._statistics(x, others, mask)
            if not self.is_initializing():
                new = ((running_mean, mean + shift), (running_variance, variance))
                for running, value in new:
                    running.value = self.momentum * running.value + (1 - self.momentum) * value
        scale = self.param("scale", nn.initializers.ones_init(), shape)
        bias = self.param("bias", nn.initializers.zeros_init(), shape)
        factor = lax.rsqrt(variance + self.epsilon) * scale
        if math.prod(window) > 1:
            normed = _normalise_and_pool(x, mean, factor, bias, tuple(window))
        else:
            vectors = (jnp.expand_dims(vector, others) for vector in (mean, factor, bias))
            normed = _normalise(x.astype(jnp.float32), *vectors)
        return normed.astype(self.dtype or x.dtype)

    def _statistics(
        self, x: jax.Array, axes: tuple[int, ...], mask: jax.Array | None
    ) -> tuple[jax.Array, jax.Array]:
        """Mean and variance [channels] of the whole batch."""
        wide = x.astype(jnp.float32)
        axis_name = None if self.is_initializing() else self.axis_name
        if mask is None:
            means = wide.mean(axes), jnp.square(wide).mean(axes)
            mean, mean_square = lax.pmean(means, axis_name) if axis_name else means
        else:
            counted = jnp.broadcast_to(mask, (*x.shape[:-1], 1))
            sums = [
                counted.sum(axes, dtype=jnp.float32),
                *(each.sum(axes, where=counted) for each in (wide, jnp.square(wide))),
            ]
            count, total, total_square = lax.psum(sums, axis_name) if axis_name else sums
            mean, mean_square = total / count, total_square / count
        return mean, jnp.maximum(0.0, mean_square - jnp.square(mean))


def _normalise(x: jax.Array, mean: jax.Array, factor: jax.Array, bias: jax.Array) -> jax.Array:
    return (x - mean) * factor + bias


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def _normalise_and_pool(
    x: jax.Array, mean: jax.Array, factor: jax.Array, bias: jax.Array, window: tuple[int, ...]
) -> jax.Array:
    """`layers.max_pool` of (x - mean) * factor + bias, float32.

    The gradient that JAX would derive keeps, compares and adds up arrays of the size of x; on a
    CPU, where this part of a training step is bound by memory, it takes about twice as long.
    """
    parts = (_normalise(part, mean, factor, bias) for part in _window_parts(x, window))
    return functools.reduce(lambda best, part: jnp.where(part > best, part, best), parts)


def _forward(
    x: jax.Array, mean: jax.Array, factor: jax.Array, bias: jax.Array, window: tuple[int, ...]
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    return _normalise_and_pool(x, mean, factor, bias, window), (x, mean, factor, bias)


def _backward(
    window: tuple[int, ...], kept: tuple[jax.Array, ...], cotangent: jax.Array
) -> tuple[jax.Array, ...]:
    x, mean, factor, bias = kept
    first, *others = _window_parts(x, window)
    winner, place = first, jnp.zeros(first.shape, jnp.int16)
    for number, part in enumerate(others, start=1):
        better = _normalise(part, mean, factor, bias) > _normalise(winner, mean, factor, bias)
        winner = jnp.where(better, part, winner)
        place = jnp.where(better, jnp.int16(number), place)
    axes = tuple(range(x.ndim - 1))
    sums = cotangent.sum(axes)
    products = (cotangent * (winner - mean)).sum(axes)
    # Windows beside each other: every element asks whether it has won its own.
    within = tuple(range(2, 2 * len(window) + 1, 2))
    place, won = jnp.expand_dims(place, within), jnp.expand_dims(cotangent * factor, within)
    pairs = zip(cotangent.shape[1:-1], window, strict=True)
    shape = (1, *(size for pair in pairs for size in pair), 1)
    number = jnp.int16(0)
    for axis, size in zip(within, window, strict=True):
        number = number * size + lax.broadcasted_iota(jnp.int16, shape, axis)
    gradient = jnp.where(place == number, won, 0.0).astype(x.dtype)
    whole = [count * size for count, size in zip(cotangent.shape[1:-1], window, strict=True)]
    left = [(0, size - used) for size, used in zip(x.shape[1:-1], whole, strict=True)]
    gradient = gradient.reshape(len(x), *whole, x.shape[-1])
    return jnp.pad(gradient, [(0, 0), *left, (0, 0)]), -factor * sums, products, sums


_normalise_and_pool.defvjp(_forward, _backward)


def _window_parts(x: jax.Array, window: tuple[int, ...]) -> list[jax.Array]:
    """The first element of every window, the second, …: each [batch, *pooled, channels] float32."""
    x = x.astype(jnp.float32)
    counts = [size // each for size, each in zip(x.shape[1:-1], window, strict=True)]
    pairs = list(zip(counts, window, strict=True))
    used = x[:, *(slice(count * size) for count, size in pairs)]
    apart = used.reshape(len(x), *(size for pair in pairs for size in pair), x.shape[-1])
    return [
        apart[:, *(index for number in numbers for index in (slice(None), number))]
        for numbers in np.ndindex(window)
    ]
