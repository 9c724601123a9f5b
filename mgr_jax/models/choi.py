"""Choi et al., "Convolutional Recurrent Neural Networks for Music Classification" (1609.04243)."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.errors import UserError
from mgr_jax.models.layers import ConvBlock
from mgr_jax.models.masking import Lengths, last_frame
from mgr_jax.models.network import ConvNetwork, Output, as_image, as_sequence
from mgr_jax.models.recurrent import GATES, GRU

# Channels of the first and of the later convolutions, GRU units. The paper's five parameter budgets
# are for 96 bins and 50 classes; "msd" are the weights released for the Million Song Dataset.
WIDTHS = {
    "0.1M": (30, 60, 30),
    "0.25M": (48, 96, 48),
    "0.5M": (68, 137, 68),
    "1M": (96, 195, 96),
    "3M": (169, 339, 169),
    "msd": (64, 128, 32),
}


class ChoiCRNN(ConvNetwork):
    """Four convolutions, two GRUs; the last state is classified.

    The paper's input is 96 mel bins and 1366 frames (29.1 s at 12 kHz, hop 256), which leaves 1 bin
    and 14 steps, or 15 with `time_pad=1440`. Bins that remain are flattened into the channels.

    Further fields: see `ConvNetwork`.

    Attributes:
      budget: widths of the layers, a key of `WIDTHS`.
      widths: channels of each convolution, in place of the budget's.
      units: of each GRU, in place of the budget's.
      layers: number of GRUs.
      pools: (time, bins) of the pooling after each convolution.
      conv_dropout: share dropped after each convolution.
      dropout: share dropped before the logits.
      gate: "sigmoid" or "hard_sigmoid" in the GRUs; the released weights need the latter.
      time_pad: pad with zeros on both sides to this many frames, if any.
      input_norm: batch norm of the input, frame by frame; it ties the model to one clip length.
      bin_norm: batch norm of the input, bin by bin.

    Filling counts with `time_pad` or `input_norm`, which are for clips of one length, and with
    `bin_norm`.
    """

    registered: ClassVar[str] = "choi_crnn"
    source: ClassVar[str] = "Choi et al. 2016, arXiv 1609.04243"

    budget: str = "0.1M"
    widths: tuple[int, ...] = ()
    units: int = 0
    layers: int = 2
    pools: tuple[tuple[int, int], ...] = ((2, 2), (3, 3), (4, 4), (4, 4))
    conv_dropout: float = 0.1
    dropout: float = 0.3
    gate: str = "sigmoid"
    time_pad: int | None = None
    input_norm: bool = False
    bin_norm: bool = False
    # Keras's momentum of 0.99 would take longer than short runs to forget the start: our choice.
    momentum: float = 0.9
    epsilon: float = 1e-3

    def __post_init__(self):
        self.require_choice("budget", WIDTHS)
        self.require_choice("gate", GATES)
        self.require_sizes("widths", empty=True)
        self.require_sizes("pools", len(self.widths) or 4, 2)
        self.require_least(units=0, layers=1)
        if self.time_pad is not None:
            self.require_least(time_pad=1)
        super().__post_init__()

    @property
    def masks_filling(self) -> bool:
        """See `Network`."""
        return self.time_pad is None and not self.input_norm and not self.bin_norm

    def recurrent_steps(self, frames: int) -> int:
        """Steps the GRUs see of this many frames."""
        return max(frames, self.time_pad or 0) // math.prod(time for time, _ in self.pools)

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips.

        Intermediates: "sequence" [batch, steps, units], the outputs of the last GRU, and
        "embedding" [batch, units], the last of them.
        """
        self._check(frames=features.shape[1], bins=features.shape[2])
        x = as_image(features)
        if self.time_pad is not None:
            missing = self.time_pad - x.shape[1]
            x = jnp.pad(x, ((0, 0), (missing // 2, missing - missing // 2), (0, 0), (0, 0)))
        if self.input_norm:
            x = self.norm(x, "input_norm", train=train, axis=1)
        if self.bin_norm:
            x = self.norm(x, "bin_norm", train=train, axis=2)
        first, later, units = WIDTHS[self.budget]
        widths = self.widths or (first, later, later, later)
        for layer, (width, pool) in enumerate(zip(widths, self.pools, strict=True), start=1):
            block = ConvBlock(
                width,
                pool,
                self.conv_dropout,
                activation=nn.elu,
                **self.normed,
                name=f"block{layer}",
            )
            x, lengths = block(x, lengths, train=train)
        x = as_sequence(x)
        for layer in range(1, self.layers + 1):
            x = GRU(self.units or units, self.gate, dtype=self.dtype, name=f"gru{layer}")(x)
        sequence = x.astype(jnp.float32)
        last = last_frame(sequence, lengths)
        return self.classify(last, train=train, dropout=self.dropout, sequence=sequence)

    def _check(self, *, frames: int, bins: int) -> None:
        frames_needed = math.prod(time for time, _ in self.pools)
        bins_needed = math.prod(bins for _, bins in self.pools)
        if self.recurrent_steps(frames) < 1 or bins < bins_needed:
            raise UserError(
                f"{self.registered} got {frames} frames of {bins} bins, but its pooling needs at "
                f"least {frames_needed} frames of {bins_needed} bins; use longer clips, more bins "
                "or smaller pools",
                code="model.clip_too_small",
            )
        if self.time_pad is not None and frames > self.time_pad:
            raise UserError(
                f"{self.registered} got {frames} frames, more than time_pad={self.time_pad}; use "
                "shorter clips or a larger time_pad",
                code="model.clip_too_large",
            )
