"""Blocks that several models share."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from mgr_jax.errors import UserError


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
    """Convolution, batch norm, activation, max pooling, dropout, over any number of axes.

    The defaults are those of Choi et al. (arXiv 1609.04243).

    Attributes:
      features: output channels.
      pool: pooling window along each spatial axis: (time, bins), or (time,) alone.
      dropout: share of values dropped in training.
      momentum: share of the old running statistics kept at each step.
      epsilon: added to the variance.
      axis_name: mapped axis over which the batch statistics are averaged, if any.
      dtype: of the computation; parameters and statistics are float32.
      kernel: size of the kernel along each spatial axis.
      stride: of the convolution, along every spatial axis.
      padding: "SAME" or "VALID".
      activation: a function that never falls, so that pooling may go before it.
      kernel_init: initialiser of the kernel.
    """

    features: int
    pool: Sequence[int]
    dropout: float
    momentum: float
    epsilon: float
    axis_name: str | None = None
    dtype: Any = jnp.float32
    kernel: Sequence[int] = (3, 3)
    stride: int = 1
    padding: str = "SAME"
    activation: Callable[[jax.Array], jax.Array] = nn.elu
    kernel_init: nn.initializers.Initializer = nn.initializers.he_normal()

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Maps [batch, *spatial, channels] to [batch, *pooled, features]."""
        x = nn.Conv(
            self.features,
            self.kernel,
            strides=self.stride,
            padding=self.padding,
            kernel_init=self.kernel_init,
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
        # The same values as pooling after the activation, with less to compute.
        x = self.activation(max_pool(x, self.pool))
        return nn.Dropout(self.dropout, deterministic=not train)(x)


def check_size(model: str, features: jax.Array, *, frames: int, bins: int = 1) -> None:
    """Checks that a model gets enough [batch, frames, bins, ...] for its pooling.

    Raises:
      UserError: there are fewer frames or bins.
    """
    got_frames, got_bins = features.shape[1:3]
    if got_frames < frames or got_bins < bins:
        raise UserError(
            f"{model} got {got_frames} frames of {got_bins} bins, but its pooling needs at least "
            f"{frames} frames of {bins} bins; use longer clips, more bins or less pooling"
        )


def hard_sigmoid(x: jax.Array) -> jax.Array:
    """Keras 1's piecewise linear sigmoid (slope 1/5; Flax's has 1/6)."""
    return jnp.clip(0.2 * x + 0.5, 0.0, 1.0)


GATES = {"sigmoid": nn.sigmoid, "hard_sigmoid": hard_sigmoid}


class _Recurrent(nn.Module):
    """What the recurrent layers share: fields, and for every gate its products and parameters."""

    units: int
    gate: str = "sigmoid"
    dtype: Any = jnp.float32

    def _project(self, x: jax.Array, names: Sequence[str]) -> tuple[list[jax.Array], ...]:
        """By gate: products with the input [steps, batch, units], kernels for the state.

        The products with the input need no state: outside the scan they are one product each.
        """
        from_input, from_state = [], []
        for name in names:
            dense = nn.Dense(
                self.units,
                kernel_init=nn.initializers.glorot_uniform(),
                bias_init=nn.initializers.constant(1.0 if name == "forget" else 0.0),
                dtype=self.dtype,
                name=name,
            )
            kernel = self.param(
                f"{name}_state", nn.initializers.orthogonal(), (self.units, self.units)
            )
            from_input.append(dense(x).swapaxes(0, 1))
            from_state.append(kernel.astype(self.dtype))
        return from_input, from_state


class GRU(_Recurrent):
    """The GRU of Cho et al. (arXiv 1406.1078v3), which is Keras's with `reset_after=False`.

    It has one bias per gate, and the reset gate acts on the state before its matrix product;
    `flax.linen.GRUCell` differs in both.

    Attributes:
      units: size of the state.
      gate: "sigmoid" or "hard_sigmoid" for the update and the reset gate.
      dtype: of the computation and the state; parameters are float32.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [batch, steps, features] to the state after each step, [batch, steps, units]."""
        gate = GATES[self.gate]
        from_input, from_state = self._project(x, ("update", "reset", "candidate"))
        to_update, to_reset, to_candidate = from_state

        def step(state: jax.Array, inputs: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
            update = gate(inputs[0] + state @ to_update)
            reset = gate(inputs[1] + state @ to_reset)
            candidate = nn.tanh(inputs[2] + (reset * state) @ to_candidate)
            state = update * state + (1 - update) * candidate
            return state, state

        start = jnp.zeros_like(from_input[0][0])
        return lax.scan(step, start, from_input)[1].swapaxes(0, 1)


class LSTM(_Recurrent):
    """The LSTM with forget gate and without peepholes (Gers et al. 2000), as in Keras.

    One bias per gate; the forget gate's starts at 1 (Jozefowicz et al. 2015).

    Attributes:
      units: size of the state and of the memory cell.
      gate: "sigmoid" or "hard_sigmoid" for the input, the forget and the output gate.
      dtype: of the computation and the state; parameters are float32.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [batch, steps, features] to the state after each step, [batch, steps, units]."""
        gate = GATES[self.gate]
        from_input, from_state = self._project(x, ("input", "forget", "candidate", "output"))

        def step(
            carry: tuple[jax.Array, jax.Array], inputs: list[jax.Array]
        ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
            state, memory = carry
            total = [a + state @ kernel for a, kernel in zip(inputs, from_state, strict=True)]
            memory = gate(total[1]) * memory + gate(total[0]) * nn.tanh(total[2])
            state = gate(total[3]) * nn.tanh(memory)
            return (state, memory), state

        start = jnp.zeros_like(from_input[0][0])
        return lax.scan(step, (start, start), from_input)[1].swapaxes(0, 1)
