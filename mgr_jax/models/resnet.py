"""ResNet: He et al. 2015, "Deep Residual Learning for Image Recognition" (1512.03385)."""

from typing import ClassVar

import jax
from flax import linen as nn

from mgr_jax.models.layers import ConvBlock, ResidualBlock, max_pool
from mgr_jax.models.masking import Lengths, clip_mean, mask_frames, shorten
from mgr_jax.models.network import BatchNormed, ConvNetwork, Output, as_image


class Stem(BatchNormed):
    """The start of ImageNet's networks: each axis is cut to a quarter, rounded up.

    Attributes:
      features: output channels.
    """

    features: int

    @nn.compact
    def __call__(
        self, x: jax.Array, lengths: Lengths = None, *, train: bool
    ) -> tuple[jax.Array, Lengths]:
        """Maps [batch, frames, bins, channels] to [batch, frames / 4, bins / 4, features]."""
        x, lengths = ConvBlock(
            self.features,
            pool=(1, 1),
            kernel=(7, 7),
            stride=2,
            padding=((3, 3), (3, 3)),
            bias=False,
            **self.normed,
            name="block",
        )(x, lengths, train=train)
        x = mask_frames(x, lengths)  # ReLUs: zero never exceeds what is there
        x = max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
        return x, shorten(lengths, 3, 2, padding=2)


class ResNet18(ConvNetwork):
    """ResNet-18 in torchvision's layout, on mel spectrograms as images.

    Input of any size, here log-mels of 3 s as [130 frames, 128 bins] (front end "gtzan_mel3"):

        stem: 7x7 convolution of stride 2, 3x3 maximum of stride 2  → 33 x 32 x 64
        2 blocks of 64 channels, 2 of 128, 256 and 512              → 5 x 4 x 512
        mean over what remains                                      → 512

    The first block of each later stage halves both axes, rounded up. Blocks have two 3x3
    convolutions without bias; where the shape changes, a 1x1 convolution with batch norm stands in
    the shortcut. The convolutions start as He et al. (1502.01852) draw them from the inputs of a
    kernel; torchvision counts its outputs. 11,195,890 parameters with one channel and 50 classes.
    Dropout is not torchvision's and off.

    Further fields: see `ConvNetwork`.

    Attributes:
      blocks: number in each stage.
      width: channels of the stem and of the first stage; each later stage doubles them.
      dropout: share dropped before the logits.
    """

    registered: ClassVar[str] = "resnet18"
    source: ClassVar[str] = "He et al. 2015, arXiv 1512.03385"

    blocks: tuple[int, ...] = (2, 2, 2, 2)
    width: int = 64
    dropout: float = 0.0

    def __post_init__(self):
        self.require_least(width=1)
        self.require_sizes("blocks")
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips.

        Intermediates: "embedding" [batch, dim], the mean of the last stage, whose 512 channels are
        dim.
        """
        self.require_size(features)
        stem = Stem(self.width, **self.normed, name="stem")
        x, lengths = stem(as_image(features), lengths, train=train)
        for stage, blocks in enumerate(self.blocks):
            for number in range(blocks):
                x, lengths = ResidualBlock(
                    self.width * 2**stage,
                    stride=2 if stage and not number else 1,
                    bias=False,
                    **self.normed,
                    name=f"stage{stage + 1}_block{number + 1}",
                )(x, lengths, train=train)
        return self.classify(clip_mean(x, lengths), train=train, dropout=self.dropout)


class ResNet34(ResNet18):
    """ResNet-34: `resnet18` with 3, 4, 6 and 3 blocks; 21,304,050 parameters.

    Fields: see `ResNet18`.
    """

    registered: ClassVar[str] = "resnet34"
    source: ClassVar[str] = "He et al. 2015, arXiv 1512.03385"

    blocks: tuple[int, ...] = (3, 4, 6, 3)
