"""Choi et al., "Convolutional Recurrent Neural Networks for Music Classification" (1609.04243)."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.errors import UserError, unknown_name
from mgr_jax.models.layers import GATES, GRU, ConvBlock

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


class ChoiCRNN(nn.Module):
    """Four convolutions, two GRUs; the last state is classified.

    The paper's input is 96 mel bins and 1366 frames (29.1 s at 12 kHz, hop 256), which leaves 1 bin
    and 14 steps, or 15 with `time_pad=1440`. Bins that remain are laid beside the channels.

    Attributes:
      num_classes: number of logits.
      budget: widths of the layers, a key of `WIDTHS`.
      pools: (time, bins) of the pooling after each convolution.
      conv_dropout: share dropped after each convolution.
      head_dropout: share dropped before the logits.
      gate: "sigmoid" or "hard_sigmoid" in the GRUs; the released weights need the latter.
      time_pad: pad with zeros on both sides to this many frames, if any.
      input_norm: batch norm of the input, frame by frame; it ties the model to one clip length.
      momentum: of batch norm: the share of the old running statistics kept at each step.
      epsilon: of batch norm: added to the variance.
      axis_name: mapped axis over which the batch statistics are averaged, if any.
      dtype: of the computation; parameters and logits are float32.
    """

    num_classes: int
    budget: str = "0.1M"
    pools: tuple[tuple[int, int], ...] = ((2, 2), (3, 3), (4, 4), (4, 4))
    conv_dropout: float = 0.1
    head_dropout: float = 0.3
    gate: str = "sigmoid"
    time_pad: int | None = None
    input_norm: bool = False
    momentum: float = 0.9
    epsilon: float = 1e-3
    axis_name: str | None = None
    dtype: Any = jnp.float32

    def __post_init__(self):
        if self.budget not in WIDTHS:
            raise unknown_name("budget of choi_crnn", self.budget, WIDTHS)
        if self.gate not in GATES:
            raise unknown_name("gate", self.gate, GATES)
        super().__post_init__()

    def recurrent_steps(self, frames: int) -> int:
        """Steps the GRUs see of this many frames."""
        return max(frames, self.time_pad or 0) // math.prod(time for time, _ in self.pools)

    @nn.compact
    def __call__(
        self, features: jax.Array, *, train: bool
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Classifies clips.

        Args:
          features: [batch, frames, bins] or [batch, frames, bins, channels].
          train: use and update batch statistics, and drop out by the "dropout" key.

        Returns:
          Logits [batch, num_classes] float32 and intermediates: "sequence" [batch, steps, units],
          the outputs of the second GRU, and "embedding" [batch, units], the last of them.

        Raises:
          UserError: the clips have too few frames or bins for the pooling.
        """
        self._check(frames=features.shape[1], bins=features.shape[2])
        x = features if features.ndim == 4 else features[..., None]
        if self.time_pad is not None:
            missing = self.time_pad - x.shape[1]
            x = jnp.pad(x, ((0, 0), (missing // 2, missing - missing // 2), (0, 0), (0, 0)))
        norm = {
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "axis_name": self.axis_name,
            "dtype": self.dtype,
        }
        if self.input_norm:
            x = nn.BatchNorm(use_running_average=not train, axis=1, name="input_norm", **norm)(x)
        first, later, units = WIDTHS[self.budget]
        for layer, pool in enumerate(self.pools, start=1):
            width = first if layer == 1 else later
            block = ConvBlock(width, pool, self.conv_dropout, **norm, name=f"block{layer}")
            x = block(x, train=train)
        x = x.reshape(*x.shape[:2], -1)
        for layer in (1, 2):
            x = GRU(units, self.gate, self.dtype, name=f"gru{layer}")(x)
        sequence = x.astype(jnp.float32)
        embedding = sequence[:, -1]
        x = nn.Dropout(self.head_dropout, deterministic=not train)(embedding)
        logits = nn.Dense(self.num_classes, name="head")(x)
        return logits, {"sequence": sequence, "embedding": embedding}

    def _check(self, *, frames: int, bins: int) -> None:
        frames_needed = math.prod(time for time, _ in self.pools)
        bins_needed = math.prod(bins for _, bins in self.pools)
        if self.recurrent_steps(frames) < 1 or bins < bins_needed:
            raise UserError(
                f"choi_crnn got {frames} frames of {bins} bins, but its pooling needs at least "
                f"{frames_needed} frames of {bins_needed} bins; use longer clips, more bins or "
                "smaller pools"
            )
        if self.time_pad is not None and frames > self.time_pad:
            raise UserError(
                f"choi_crnn got {frames} frames, more than time_pad={self.time_pad}; use shorter "
                "clips or a larger time_pad"
            )
