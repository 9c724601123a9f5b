"""Blocks that several models share."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax


def max_pool(x: jax.Array, window: Sequence[int]) -> jax.Array:
    """Non-overlapping max pooling; what does not fill a window at the end is dropped.

    Equal to `flax.linen.max_pool(x, window, window)`, also in which of several equal maxima gets
    the gradient, and 2 to 3 times as fast on a CPU with its gradient, where XLA's select-and-scatter
    is slow. One axis at a time, for a 4x4 window then takes 8 slices and not 16.

    Args:
      x: [batch, *spatial, channels].
      window: size along each of the spatial axes.

    Returns:
      [batch, *(spatial // window), channels].
    """
    for axis, size in reversed(list(enumerate(window, start=1))):
        stop = x.shape[axis] // size * size
        best, *others = (lax.slice_in_dim(x, i, stop, size, axis) for i in range(size))
        for other in others:
            best = jnp.where(other > best, other, best)
        x = best
    return x


class ConvBlock(nn.Module):
    """3x3 convolution, batch norm, ELU, max pooling, dropout (Choi et al., arXiv 1609.04243).

    Attributes:
      features: output channels.
      pool: (time, bins) of the pooling window.
      dropout: share of values dropped in training.
      momentum: share of the old running statistics kept at each step.
      epsilon: added to the variance.
      axis_name: mapped axis over which the batch statistics are averaged, if any.
      dtype: of the computation; parameters and statistics are float32.
    """

    features: int
    pool: tuple[int, int]
    dropout: float
    momentum: float
    epsilon: float
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Maps [batch, time, bins, channels] to [batch, time // t, bins // b, features]."""
        x = nn.Conv(
            self.features,
            (3, 3),
            kernel_init=nn.initializers.he_normal(),
            dtype=self.dtype,
            name="conv",
        )(x)
        x = nn.BatchNorm(
            use_running_average=not train,
            momentum=self.momentum,
            epsilon=self.epsilon,
            axis_name=self.axis_name,
            dtype=self.dtype,
            name="norm",
        )(x)
        x = max_pool(nn.elu(x), self.pool)
        return nn.Dropout(self.dropout, deterministic=not train)(x)


def hard_sigmoid(x: jax.Array) -> jax.Array:
    """Keras 1's piecewise linear sigmoid (slope 1/5; Flax's has 1/6)."""
    return jnp.clip(0.2 * x + 0.5, 0.0, 1.0)


GATES = {"sigmoid": nn.sigmoid, "hard_sigmoid": hard_sigmoid}


class GRUCell(nn.RNNCellBase):
    """One step of the GRU of Cho et al. (arXiv 1406.1078v1), which is Keras's `reset_after=False`.

    Unlike `flax.linen.GRUCell`, the reset gate acts on the state before its matrix product.

    Attributes:
      units: size of the state.
      gate: "sigmoid" or "hard_sigmoid" for the two gates.
      dtype: of the computation and the state; parameters are float32.
    """

    units: int
    gate: str = "sigmoid"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, state: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Maps state [..., units] and input [..., features] to the new state, twice."""

        def total(name: str, state: jax.Array) -> jax.Array:
            of_input = nn.Dense(
                self.units,
                kernel_init=nn.initializers.glorot_uniform(),
                dtype=self.dtype,
                name=f"{name}_input",
            )
            of_state = nn.Dense(
                self.units,
                use_bias=False,
                kernel_init=nn.initializers.orthogonal(),
                dtype=self.dtype,
                name=f"{name}_state",
            )
            return of_input(x) + of_state(state)

        gate = GATES[self.gate]
        update, reset = gate(total("update", state)), gate(total("reset", state))
        candidate = nn.tanh(total("candidate", reset * state))
        state = update * state + (1 - update) * candidate
        return state, state

    @nn.nowrap
    def initialize_carry(self, rng: jax.Array, input_shape: tuple[int, ...]) -> jax.Array:
        """The state before the first step: zeros [..., units]."""
        del rng
        return jnp.zeros((*input_shape[:-1], self.units), self.dtype)

    @property
    def num_feature_axes(self) -> int:
        """Axes of the input that are not batch or time."""
        return 1


class GRU(nn.Module):
    """Runs `GRUCell` along time: [batch, steps, features] to states [batch, steps, units]."""

    units: int
    gate: str = "sigmoid"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns the state after every step."""
        return nn.RNN(GRUCell(self.units, self.gate, self.dtype, name="cell"))(x)
