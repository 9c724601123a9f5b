"""Harmonic CNN: Won et al. 2020, "Data-driven Harmonic Filters" (ICASSP)."""

from typing import ClassVar

import jax
from flax import linen as nn

from mgr_jax.models.layers import ConvBlock, ResidualBlock, clip_max, pool_clips
from mgr_jax.models.masking import Lengths
from mgr_jax.models.network import ConvNetwork, Output, as_image


class HarmonicCNN(ConvNetwork):
    """Convolutions and residual blocks over harmonics as channels, their maximum, a dense layer.

    In the form of Won et al. 2020 (arXiv 2006.00751; github.com/minzwon/sota-music-tagging-models).
    Input: the front end `harmonic`, 313 frames (5 s at 16 kHz) of 128 bins with 6 harmonics each,
    of which the pooling leaves one step of one bin; each harmonic has a batch norm of its own.
    Layers 1 and 5 are 3x3 convolutions, twice as wide from the fifth on; the others are residual
    blocks. 3,631,550 parameters with 50 classes, and the one of the front end. The maximum over
    bins, where more than one remain, is our choice.

    Further fields: see `ConvNetwork`.

    Attributes:
      width: channels of the first four layers; the last three and the dense layer have twice as
        many.
      pools: (time, bins) of the pooling after each of the seven layers.
      dropout: share dropped before the logits.
    """

    registered: ClassVar[str] = "harmonic_cnn"
    source: ClassVar[str] = "Won et al. 2020, ICASSP, as in arXiv 2006.00751"

    width: int = 128
    pools: tuple[tuple[int, int], ...] = ((2, 2),) * 5 + ((3, 2),) * 2
    dropout: float = 0.5

    def __post_init__(self):
        self.require_least(width=1)
        self.require_sizes("pools", 7, 2)
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips.

        Args:
          features: [batch, frames, bins, harmonics] or [batch, frames, bins].
          train: use and update batch statistics, and drop out by the "dropout" key.
          lengths: [batch] frames of each clip that count; None: all.

        Returns:
          Logits [batch, num_classes] float32 and intermediates: "embedding" [batch, 2 * width].

        Raises:
          UserError: the clips have too few frames or bins for the pooling.
        """
        self.require_pooling(features, self.pools)
        x = self.norm(as_image(features), "input_norm", train=train, lengths=lengths)
        for layer, pool in enumerate(self.pools, start=1):
            width = self.width if layer < 5 else 2 * self.width
            name = f"block{layer}"
            if layer in (1, 5):
                block = ConvBlock(width, pool, **self.normed, name=name)
                x, lengths = block(x, lengths, train=train)
            else:
                residual = ResidualBlock(width, **self.normed, name=name)
                x, lengths = residual(x, lengths, train=train)
                x, lengths = pool_clips(x, pool, lengths)
        x = clip_max(x, lengths)
        x = self.dense_block(x, 2 * self.width, "dense", train=train)
        return self.classify(x, train=train, dropout=self.dropout)
