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
    the gradient. With its gradient it is 2 to 3 times as fast on a CPU, where XLA's
    select-and-scatter is slow. One axis at a time: a 4x4 window then takes 8 slices, not 16.

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
        # ELU grows monotonically, so it may follow the pooling: same values, less to compute.
        x = nn.elu(max_pool(x, self.pool))
        return nn.Dropout(self.dropout, deterministic=not train)(x)


def hard_sigmoid(x: jax.Array) -> jax.Array:
    """Keras 1's piecewise linear sigmoid (slope 1/5; Flax's has 1/6)."""
    return jnp.clip(0.2 * x + 0.5, 0.0, 1.0)


GATES = {"sigmoid": nn.sigmoid, "hard_sigmoid": hard_sigmoid}


class GRU(nn.Module):
    """The GRU of Cho et al. (arXiv 1406.1078v1), which is Keras's with `reset_after=False`.

    It has one bias per gate, and the reset gate acts on the state before its matrix product;
    `flax.linen.GRUCell` differs in both.

    Attributes:
      units: size of the state.
      gate: "sigmoid" or "hard_sigmoid" for the update and the reset gate.
      dtype: of the computation and the state; parameters are float32.
    """

    units: int
    gate: str = "sigmoid"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [batch, steps, features] to the state after each step, [batch, steps, units]."""
        gate = GATES[self.gate]
        from_input, from_state = [], []
        for name in ("update", "reset", "candidate"):
            dense = nn.Dense(
                self.units,
                kernel_init=nn.initializers.glorot_uniform(),
                dtype=self.dtype,
                name=name,
            )
            kernel = self.param(
                f"{name}_state", nn.initializers.orthogonal(), (self.units, self.units)
            )
            # The products with the input need no state: outside the scan they are one product each.
            from_input.append(dense(x).swapaxes(0, 1))
            from_state.append(kernel.astype(self.dtype))
        to_update, to_reset, to_candidate = from_state

        def step(state: jax.Array, inputs: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
            update = gate(inputs[0] + state @ to_update)
            reset = gate(inputs[1] + state @ to_reset)
            candidate = nn.tanh(inputs[2] + (reset * state) @ to_candidate)
            state = update * state + (1 - update) * candidate
            return state, state

        start = jnp.zeros_like(from_input[0][0])
        return lax.scan(step, start, from_input)[1].swapaxes(0, 1)
