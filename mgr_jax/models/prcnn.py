"""PRCNN: Feng et al. 2017, "Paralleling Recurrent Convolutional Neural Network" (1712.08370)."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.errors import UserError
from mgr_jax.models.convolution import Conv
from mgr_jax.models.layers import max_pool
from mgr_jax.models.network import Network, Output, as_image, as_sequence
from mgr_jax.models.recurrent import CELLS, GATES, LastState

AXES = {"time": (1, 0), "frequency": (0, 1)}


class PRCNN(Network):
    """Convolutions and a recurrent layer side by side; both see the spectrogram.

    The defaults are the paper's as recalled, for a spectrogram of 128 frames (3 s) and 513 bins.
    They are not verified, and the pooling before the recurrent layer is our choice. The paper's
    kernels are 3x1. Here they are read as bins x frames, like its spectrogram, so they lie along
    frequency. The only port with a known graph has them along time: `parallel_cnn_rnn`.

    Filling counts: each step that the convolutions leave has weights of its own.

    Further fields: see `Network`.

    Attributes:
      widths: channels of each convolution.
      kernel: length of the kernels.
      axis: "time" or "frequency", along which the kernels lie.
      padding: "SAME" or "VALID", of the convolutions.
      pools: (time, bins) of the pooling after each convolution.
      rnn_pool: (time, bins) of the pooling before the recurrent layer.
      projection: size that a linear layer gives each of its steps, 0 for none.
      cell: "gru" or "lstm".
      units: size of the recurrent layer, of each direction.
      directions: 1, or 2 for a second layer that runs backwards.
      gate: "sigmoid" or "hard_sigmoid" of the recurrent layer.
      dropout: share dropped before the logits.
    """

    registered: ClassVar[str] = "prcnn"
    source: ClassVar[str] = "Feng et al. 2017, arXiv 1712.08370"
    masks_filling: ClassVar[bool] = False

    widths: tuple[int, ...] = (16, 32, 64, 128, 64)
    kernel: int = 3
    axis: str = "frequency"
    padding: str = "SAME"
    pools: tuple[tuple[int, int], ...] = ((2, 2), (2, 2), (2, 2), (4, 4), (4, 4))
    rnn_pool: tuple[int, int] = (1, 2)
    projection: int = 128
    cell: str = "gru"
    units: int = 128
    directions: int = 2
    gate: str = "sigmoid"
    dropout: float = 0.0

    def __post_init__(self):
        choices = {"axis": AXES, "padding": ("SAME", "VALID"), "cell": CELLS, "gate": GATES}
        for field, known in choices.items():
            self.require_choice(field, known)
        self.require_choice("directions", (1, 2))
        self.require_least(kernel=1, projection=0, units=1)
        self.require_sizes("widths")
        self.require_sizes("pools", "widths", 2)
        self.require_sizes("rnn_pool", 2)
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> Output:
        """Classifies clips.

        Intermediates: "embedding" [batch, dim], the outputs of the convolutions beside the last
        state of each direction.
        """
        self._check(*features.shape[1:3])
        x = as_image(features)
        both = [self._convolve(x), self._recur(x)]
        return self.classify(jnp.concatenate(both, axis=-1), train=train, dropout=self.dropout)

    def _check(self, frames: int, bins: int) -> None:
        lost = self.kernel - 1 if self.padding == "VALID" else 0
        left = [frames, bins]
        for pool in self.pools:
            left = [
                (size - along * lost) // window
                for size, along, window in zip(left, AXES[self.axis], pool, strict=True)
            ]
        if min(*left, frames // self.rnn_pool[0], bins // self.rnn_pool[1]) < 1:
            raise UserError(
                f"{self.registered} got {frames} frames of {bins} bins, of which its pooling "
                "leaves none; use longer clips, more bins or less pooling",
                code="model.clip_too_small",
            )

    def _convolve(self, x: jax.Array) -> jax.Array:
        kernel = [self.kernel if along else 1 for along in AXES[self.axis]]
        for layer, (width, pool) in enumerate(zip(self.widths, self.pools, strict=True), start=1):
            x = Conv(
                width,
                kernel,
                padding=self.padding,
                kernel_init=nn.initializers.glorot_uniform(),
                dtype=self.dtype,
                name=f"conv{layer}",
            )(x)
            x = nn.relu(max_pool(x, pool))
        return x.reshape(len(x), -1)

    def _recur(self, x: jax.Array) -> jax.Array:
        x = as_sequence(max_pool(x, self.rnn_pool))
        if self.projection:
            x = nn.Dense(self.projection, dtype=self.dtype, name="projection")(x)
        return LastState(
            self.cell, self.units, self.directions, self.gate, dtype=self.dtype, name="rnn"
        )(x)
