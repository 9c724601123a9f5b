"""DenseNet: Huang et al. 2016, "Densely Connected Convolutional Networks" (1608.06993)."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.models.convolution import Conv
from mgr_jax.models.masking import Lengths, clip_mean, convolve, shorten
from mgr_jax.models.network import BatchNormed, ConvNetwork, Output, as_image
from mgr_jax.models.resnet import Stem


class _PreActivated(BatchNormed):
    """What both blocks are made of."""

    def _convolve(
        self,
        x: jax.Array,
        lengths: Lengths,
        features: int,
        size: int,
        number: str = "",
        *,
        train: bool,
    ) -> jax.Array:
        """Batch norm, ReLU and a convolution without bias."""
        x = nn.relu(self.norm(x, f"norm{number}", train=train, lengths=lengths))
        layer = Conv(
            features,
            (size, size),
            use_bias=False,
            kernel_init=nn.initializers.he_normal(),
            dtype=self.dtype,
            name=f"conv{number}",
        )
        return convolve(layer, x, lengths)[0]


class DenseLayer(_PreActivated):
    """Batch norm, ReLU, 1x1 convolution, batch norm, ReLU, 3x3 convolution, beside the input.

    Attributes:
      growth: channels that are added.
      bottleneck: channels between the convolutions, in multiples of the growth.
      dropout: share dropped of what is added.
    """

    growth: int
    bottleneck: int = 4
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, lengths: Lengths = None, *, train: bool) -> jax.Array:
        """Maps [batch, frames, bins, channels] to [batch, frames, bins, channels + growth]."""
        new = self._convolve(x, lengths, self.bottleneck * self.growth, 1, "1", train=train)
        new = self._convolve(new, lengths, self.growth, 3, "2", train=train)
        new = nn.Dropout(self.dropout, deterministic=not train)(new)
        return jnp.concatenate([x, new], axis=-1)


class Transition(_PreActivated):
    """Batch norm, ReLU, 1x1 convolution to half the channels, mean of 2x2."""

    @nn.compact
    def __call__(
        self, x: jax.Array, lengths: Lengths = None, *, train: bool
    ) -> tuple[jax.Array, Lengths]:
        """Maps [batch, frames, bins, channels] to half of each but the batch, rounded down."""
        x = self._convolve(x, lengths, x.shape[-1] // 2, 1, train=train)
        return nn.avg_pool(x, (2, 2), strides=(2, 2)), shorten(lengths, 2)


class DenseNet121(ConvNetwork):
    """DenseNet-121 in torchvision's layout, on mel spectrograms as images.

    Input of any size from 29 frames of 29 bins, here log-mels of 3 s as [130 frames, 128 bins]:

        stem: 7x7 convolution of stride 2, 3x3 maximum of stride 2         → 33 x 32 x 64
        6, 12, 24 and 16 dense layers that add 32 channels each; after all
        but the last, half the channels and a mean of 2x2                  → 4 x 4 x 1024
        batch norm, ReLU, mean over what remains                           → 1024

    The convolutions have no bias. 6,998,834 parameters with one channel and 50 classes. Bian et al.
    2019, who took DenseNet to music genres, have one-dimensional convolutions over time in its
    place; their layers are not known in full.

    Further fields: see `ConvNetwork`.

    Attributes:
      blocks: dense layers in each block.
      growth: channels that each of them adds.
      width: channels of the stem.
      bottleneck: see `DenseLayer`.
      layer_dropout: share dropped of what each dense layer adds.
      dropout: share dropped before the logits.
    """

    registered: ClassVar[str] = "densenet121"
    source: ClassVar[str] = "Huang et al. 2016, arXiv 1608.06993"

    blocks: tuple[int, ...] = (6, 12, 24, 16)
    growth: int = 32
    width: int = 64
    bottleneck: int = 4
    layer_dropout: float = 0.0
    dropout: float = 0.0

    def __post_init__(self):
        self.require_least(growth=1, width=1, bottleneck=1)
        self.require_sizes("blocks")
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips.

        Intermediates: "embedding" [batch, dim], the mean of the last block, whose 1024 channels are
        dim.
        """
        # Of a quarter, rounded up, each transition leaves half, rounded down.
        least = 4 * 2 ** (len(self.blocks) - 1) - 3
        self.require_size(features, frames=least, bins=least)
        stem = Stem(self.width, **self.normed, name="stem")
        x, lengths = stem(as_image(features), lengths, train=train)
        for block, layers in enumerate(self.blocks, start=1):
            if block > 1:
                transition = Transition(**self.normed, name=f"transition{block - 1}")
                x, lengths = transition(x, lengths, train=train)
            for layer in range(1, layers + 1):
                x = DenseLayer(
                    self.growth,
                    self.bottleneck,
                    self.layer_dropout,
                    **self.normed,
                    name=f"block{block}_layer{layer}",
                )(x, lengths, train=train)
        x = nn.relu(self.norm(x, "last_norm", train=train, lengths=lengths))
        return self.classify(clip_mean(x, lengths), train=train, dropout=self.dropout)
