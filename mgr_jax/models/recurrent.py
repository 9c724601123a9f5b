"""Recurrent layers, in the forms that published weights and parameter counts use."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from mgr_jax.models.masking import Lengths, last_frame, reverse


def hard_sigmoid(x: jax.Array) -> jax.Array:
    """Keras 1's piecewise linear sigmoid (slope 1/5; Flax's has 1/6)."""
    return jnp.clip(0.2 * x + 0.5, 0.0, 1.0)


GATES = {"sigmoid": nn.sigmoid, "hard_sigmoid": hard_sigmoid}


class _Recurrent(nn.Module):
    """The common part of the recurrent layers: fields, and products and parameters per gate."""

    units: int
    gate: str = "sigmoid"
    cudnn: bool = False
    dtype: Any = jnp.float32

    def _project(self, x: jax.Array, names: Sequence[str]) -> tuple[list[jax.Array], ...]:
        """By gate: products with the input [steps, batch, units]; kernels and biases of the state.

        The products with the input need no state: outside the scan they are one product each.
        """
        from_input, kernels, biases = [], [], []
        for name in names:
            dense = nn.Dense(
                self.units,
                kernel_init=nn.initializers.glorot_uniform(),
                bias_init=nn.initializers.constant(float(name == "forget" and not self.cudnn)),
                dtype=self.dtype,
                name=name,
            )
            kernel = self.param(
                f"{name}_state", nn.initializers.orthogonal(), (self.units, self.units)
            )
            bias = jnp.zeros(())
            if self.cudnn:
                bias = self.param(f"{name}_state_bias", nn.initializers.zeros, (self.units,))
            from_input.append(dense(x).swapaxes(0, 1))
            kernels.append(kernel.astype(self.dtype))
            biases.append(bias.astype(self.dtype))
        return from_input, kernels, biases


class GRU(_Recurrent):
    """The GRU of Cho et al. (arXiv 1406.1078v3), which is Keras's with `reset_after=False`.

    It has one bias per gate, and the reset gate acts on the state before its matrix product;
    `flax.linen.GRUCell` differs in both.

    Attributes:
      units: size of the state.
      gate: "sigmoid" or "hard_sigmoid" for the update and the reset gate.
      cudnn: the form of cuDNN, PyTorch and Keras's `reset_after=True`: a second bias per gate, and
        the reset gate acts after the product.
      dtype: of the computation and the state; parameters are float32.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [batch, steps, features] to the state after each step, [batch, steps, units]."""
        gate = GATES[self.gate]
        from_input, kernels, biases = self._project(x, ("update", "reset", "candidate"))
        to_update, to_reset, to_candidate = kernels

        def step(state: jax.Array, inputs: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
            update = gate(inputs[0] + state @ to_update + biases[0])
            reset = gate(inputs[1] + state @ to_reset + biases[1])
            if self.cudnn:
                candidate = nn.tanh(inputs[2] + reset * (state @ to_candidate + biases[2]))
            else:
                candidate = nn.tanh(inputs[2] + (reset * state) @ to_candidate)
            state = update * state + (1 - update) * candidate
            return state, state

        start = jnp.zeros_like(from_input[0][0])
        return lax.scan(step, start, from_input)[1].swapaxes(0, 1)


class LSTM(_Recurrent):
    """The LSTM with forget gate and without peepholes (Gers et al. 2000), as in Keras.

    One bias per gate; the forget gate's starts at 1 (Jozefowicz et al. 2015), but not with `cudnn`.

    Attributes:
      units: size of the state and of the memory cell.
      gate: "sigmoid" or "hard_sigmoid" for the input, the forget and the output gate.
      cudnn: a second bias per gate, as cuDNN and PyTorch have it.
      dtype: of the computation and the state; parameters are float32.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [batch, steps, features] to the state after each step, [batch, steps, units]."""
        gate = GATES[self.gate]
        names = ("input", "forget", "candidate", "output")
        from_input, kernels, biases = self._project(x, names)

        def step(
            carry: tuple[jax.Array, jax.Array], inputs: list[jax.Array]
        ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
            state, memory = carry
            total = [
                product + state @ kernel + bias
                for product, kernel, bias in zip(inputs, kernels, biases, strict=True)
            ]
            memory = gate(total[1]) * memory + gate(total[0]) * nn.tanh(total[2])
            state = gate(total[3]) * nn.tanh(memory)
            return (state, memory), state

        start = jnp.zeros_like(from_input[0][0])
        return lax.scan(step, (start, start), from_input)[1].swapaxes(0, 1)


CELLS = {"gru": GRU, "lstm": LSTM}


class LastState(nn.Module):
    """The last state of a recurrent layer; of two that run in opposite directions, side by side.

    Attributes:
      cell: "gru" or "lstm".
      units: size of the layer, of each direction.
      directions: 1, or 2 for a second layer that runs backwards.
      gate: see `GRU`.
      cudnn: see `GRU`.
      dtype: of the computation; parameters are float32.
    """

    cell: str
    units: int
    directions: int = 1
    gate: str = "sigmoid"
    cudnn: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, lengths: Lengths = None) -> jax.Array:
        """Maps [batch, steps, features] to [batch, directions * units]."""
        layer = CELLS[self.cell]
        settings = (self.units, self.gate, self.cudnn, self.dtype)
        states = [last_frame(layer(*settings, name="forward")(x), lengths)]
        if self.directions == 2:
            # Its last state is that of the clip's first step.
            backward = layer(*settings, name="backward")(reverse(x, lengths))
            states.append(last_frame(backward, lengths))
        return jnp.concatenate(states, axis=-1)
