"""The VGG-like network beside musicnn (Pons and Serra 2019, arXiv 1909.06654)."""

import math
from typing import ClassVar

import jax
from flax import linen as nn

from mgr_jax.models.layers import max_pool
from mgr_jax.models.musicnn import PonsNetwork
from mgr_jax.models.network import Output, as_image


class MusicnnVGG(PonsNetwork):
    """Five 3x3 convolutions with pooling.

    Pons and Serra 2019 (arXiv 1909.06654; github.com/jordipons/musicnn). Input: the front end
    `musicnn`, 187 frames (3 s at 16 kHz) of 96 bins, of which 2 steps of one bin remain; steps and
    bins that remain are flattened into the channels. The first pooling is the code's: 4 frames by 1
    bin, every second frame and bin. 605,748 parameters with 50 classes.

    Filling counts: each step that remains has weights of its own.

    Further fields: see `ConvNetwork`.

    Attributes:
      width: channels of each convolution.
      pools: (time, bins) of the pooling after the second and each later convolution.
      conv_dropout: share dropped after each pooling but the last.
      dropout: share dropped before the logits.
    """

    registered: ClassVar[str] = "musicnn_vgg"
    source: ClassVar[str] = "Pons and Serra 2019, arXiv 1909.06654"
    masks_filling: ClassVar[bool] = False

    width: int = 128
    pools: tuple[tuple[int, int], ...] = ((2, 2), (2, 2), (2, 2), (4, 4))
    conv_dropout: float = 0.25
    dropout: float = 0.5

    def __post_init__(self):
        self.require_least(width=1)
        self.require_sizes("pools", columns=2)
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> Output:
        """Classifies clips.

        Intermediates: "embedding" [batch, dim], the output of the last pooling.
        """
        frames, bins = (math.prod(sizes) for sizes in zip(*self.pools, strict=True))
        self.require_size(features, frames=2 * frames + 2, bins=2 * bins - 1)
        x = self.norm(as_image(features), "input_norm", train=train)
        x = self._convolve(x, self.width, (3, 3), "conv1", train)
        x = max_pool(x, (4, 1), strides=(2, 2))
        for layer, pool in enumerate(self.pools, start=2):
            x = nn.Dropout(self.conv_dropout, deterministic=not train)(x)
            x = max_pool(self._convolve(x, self.width, (3, 3), f"conv{layer}", train), pool)
        return self.classify(x.reshape(len(x), -1), train=train, dropout=self.dropout)
