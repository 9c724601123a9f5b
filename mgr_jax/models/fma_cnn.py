"""Convolutional networks of a PyTorch project on FMA small.

The project is github.com/yijerjer/music_genre_classification. Its layers have PyTorch's epsilon and
momentum of batch norm. It reports the largest accuracy over the checkpoints on the test split, so
its numbers are optimistic.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.errors import UserError, unknown_name
from mgr_jax.models.convolution import Conv
from mgr_jax.models.layers import ConvBlock, ResidualBlock, pool_clips
from mgr_jax.models.masking import Lengths, convolve
from mgr_jax.models.network import BatchNormed, ConvNetwork, Output, as_image, as_sequence

BLOCKS = ("basic", "resnet", "densenet")


class DenseNetBlock(BatchNormed):
    """Two convolutions that each read everything before them, then a 1x1 convolution of all.

    After Huang et al. (arXiv 1608.06993), as the project has it: the second convolution keeps the
    number of channels that it sees. Batch norm and ReLU follow each of the three.

    Attributes:
      features: output channels.
      kernel: (time, bins) of the two.
    """

    features: int
    kernel: tuple[int, int]

    @nn.compact
    def __call__(self, x: jax.Array, lengths: Lengths = None, *, train: bool) -> jax.Array:
        """Maps [batch, frames, bins, channels] to [batch, frames, bins, features]."""

        def grow(x: jax.Array, features: int, kernel: tuple[int, int], number: int) -> jax.Array:
            layer = Conv(
                features,
                kernel,
                kernel_init=nn.initializers.he_normal(),
                dtype=self.dtype,
                name=f"conv{number}",
            )
            new, _ = convolve(layer, x, lengths)
            return nn.relu(self.norm(new, f"norm{number}", train=train, lengths=lengths))

        x = jnp.concatenate([x, grow(x, self.features, self.kernel, 1)], axis=-1)
        x = jnp.concatenate([x, grow(x, x.shape[-1], self.kernel, 2)], axis=-1)
        return grow(x, self.features, (1, 1), 3)


class FMANetwork(ConvNetwork):
    """The common part of the project's networks: fields, convolutions and dense layers.

    Attributes:
      widths: channels of each block.
      kernels: (time, bins) of the kernels of each block.
      pools: (time, bins) of the max pooling after each block.
      block: "basic": convolution, batch norm, ReLU; "resnet": two of them beside a 1x1 convolution
        without batch norm; "densenet": see `DenseNetBlock`. One name, or one for each block.
      dense_units: sizes of the dense layers before the logits.
      dropout: share dropped before each dense layer and before the logits.
    """

    widths: tuple[int, ...] = ()
    kernels: tuple[tuple[int, int], ...] = ()
    pools: tuple[tuple[int, int], ...] = ()
    block: str | tuple[str, ...] = "basic"
    dense_units: tuple[int, ...] = ()
    dropout: float = 0.5

    def __post_init__(self):
        for block in self._blocks():
            if block not in BLOCKS:
                raise unknown_name(f"block of {self.registered}", str(block), BLOCKS)
        self.require_sizes("widths")
        layers = len(self.widths)
        self.require_sizes("kernels", "widths", 2)
        self.require_sizes("pools", "widths", 2)
        self.require_sizes("dense_units", empty=True)
        if len(self._blocks()) != layers:
            raise UserError(
                f"{self.registered} has {layers} widths but {len(self._blocks())} blocks; give one "
                "block for all or one for each",
                code="model.wrong_sizes",
            )
        super().__post_init__()

    def _blocks(self) -> tuple[str, ...]:
        return (self.block,) * len(self.widths) if isinstance(self.block, str) else self.block

    def _convolve(
        self, x: jax.Array, train: bool, lengths: Lengths = None
    ) -> tuple[jax.Array, Lengths]:
        self.require_pooling(x, self.pools)
        layers = zip(self._blocks(), self.widths, self.kernels, self.pools, strict=True)
        for layer, (kind, width, kernel, pool) in enumerate(layers, start=1):
            settings = {**self.normed, "name": f"block{layer}"}
            if kind == "basic":
                block = ConvBlock(width, pool, kernel=kernel, **settings)
                x, lengths = block(x, lengths, train=train)
                continue
            if kind == "resnet":
                residual = ResidualBlock(
                    width, kernel, shortcut_norm=False, always_project=True, **settings
                )
                x, lengths = residual(x, lengths, train=train)
            else:
                x = DenseNetBlock(width, kernel, **settings)(x, lengths, train=train)
            x, lengths = pool_clips(x, pool, lengths)
        return x, lengths

    def _drop(self, x: jax.Array, train: bool) -> jax.Array:
        return nn.Dropout(self.dropout, deterministic=not train)(x)

    def _classify(self, x: jax.Array, train: bool) -> Output:
        for layer, size in enumerate(self.dense_units, start=1):
            dense = nn.Dense(size, dtype=self.dtype, name=f"dense{layer}")
            x = nn.relu(dense(self._drop(x, train)))
        return self.classify(x, train=train, dropout=self.dropout)


class SquareCNN(FMANetwork):
    """Four 3x3 convolutions that leave one value per channel, and two dense layers.

    The published input has 84 constant-Q bins (`fma_cqt`) and 640 frames, 29.7 s at 22,050 Hz:

        [640, 84, 1] → [160, 42, 8] → [40, 21, 32] → [10, 7, 128] → [1, 1, 256] → 128 → 32

    With 50 classes it has 374,098 parameters. Two further forms:

        128 mel bins: pools=((4, 2), (4, 2), (4, 3), (6, 6)), which drop 4 of the last 10 bins
        12 chroma bins: kernels=((3, 3), (3, 3), (3, 3), (5, 1)),
                        pools=((4, 2), (4, 2), (4, 2), (6, 1))

    Its README reports 43.1 % on constant-Q, 38.6 % on mel and 35.5 % on chroma bins. Steps and
    bins that remain are flattened into the channels, as in all networks here.

    Filling counts: the dense layers have weights of their own for each step.

    Further fields: see `FMANetwork` and `ConvNetwork`.
    """

    registered: ClassVar[str] = "square_cnn"
    source: ClassVar[str] = "yijerjer (GitHub)"
    masks_filling: ClassVar[bool] = False

    widths: tuple[int, ...] = (8, 32, 128, 256)
    kernels: tuple[tuple[int, int], ...] = ((3, 3),) * 4
    pools: tuple[tuple[int, int], ...] = ((4, 2), (4, 2), (4, 3), (6, 5))
    dense_units: tuple[int, ...] = (128, 32)

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> Output:
        """Classifies clips; "embedding" is [batch, dense_units[-1]]."""
        self.require_size(features)
        x, _ = self._convolve(self._image(features), train)
        return self._classify(x.reshape(len(x), -1), train)

    def _image(self, features: jax.Array) -> jax.Array:
        return as_image(features)


class FreqCNN(SquareCNN):
    """Four convolutions along time, with the same kernels for all bins, and three dense layers.

    The published input has 84 constant-Q bins (`fma_cqt`) and 640 frames, 29.7 s at 22,050 Hz:

        [640, 84, 1] → [160, 84, 16] → [40, 84, 16] → [10, 84, 32] → [1, 84, 32] → 512 → 128 → 32

    With 50 classes it has 1,457,538 parameters. The form for 12 chroma bins has
    `dense_units=(256, 32)`. Its README reports 45.5 % on constant-Q bins, 40.9 % on 128 mel bins
    and 37.6 % on chroma bins; with `block="resnet"` 44.8 % and with `block="densenet"` 46.7 %, its
    best convolutional network. With `block=("basic", "densenet", "basic", "basic")` 45.8 %.

    Filling counts, as in `SquareCNN`.

    Further fields: see `FMANetwork` and `ConvNetwork`.
    """

    registered: ClassVar[str] = "freq_cnn"
    source: ClassVar[str] = "yijerjer (GitHub)"

    widths: tuple[int, ...] = (16, 16, 32, 32)
    kernels: tuple[tuple[int, int], ...] = ((5, 1),) * 4
    pools: tuple[tuple[int, int], ...] = ((4, 1), (4, 1), (4, 1), (6, 1))
    dense_units: tuple[int, ...] = (512, 128, 32)


class TemporalCNN(SquareCNN):
    """A convolution over all bins and 5 frames, three over 5 frames, two dense layers.

    The first kernel spans all bins, hence they are taken as channels of one bin: the same sums.

    The published input has 84 constant-Q bins (`fma_cqt`) and 640 frames, 29.7 s at 22,050 Hz:

        [640, 84] → [160, 64] → [40, 128] → [10, 256] → [1, 512] → 256 → 32

    With 50 classes it has 1,031,122 parameters. Its README reports 39.3 % on constant-Q bins,
    36.8 % on 128 mel bins and 35.1 % on chroma bins.

    Filling counts, as in `SquareCNN`.

    Further fields: see `FMANetwork` and `ConvNetwork`.
    """

    registered: ClassVar[str] = "temporal_cnn"
    source: ClassVar[str] = "yijerjer (GitHub)"

    widths: tuple[int, ...] = (64, 128, 256, 512)
    kernels: tuple[tuple[int, int], ...] = ((5, 1),) * 4
    pools: tuple[tuple[int, int], ...] = ((4, 1), (4, 1), (4, 1), (6, 1))
    dense_units: tuple[int, ...] = (256, 32)

    def _image(self, features: jax.Array) -> jax.Array:
        return as_sequence(features)[:, :, None]
