"""The convolutional networks that Choi et al. compare their CRNN with (arXiv 1609.04243)."""

import math
from collections.abc import Iterable, Mapping
from typing import ClassVar

import jax
from flax import linen as nn

from mgr_jax.models.layers import ConvBlock
from mgr_jax.models.network import ConvNetwork, Output, as_image


class _ChoiCNN(ConvNetwork):
    """The common part of the three networks: fields, convolutions, batch norm, ELU, pooling."""

    budgets: ClassVar[Mapping[str, tuple[int, ...]]]  # widths of the convolutions
    along_time: ClassVar[bool] = False  # pool only there
    masks_filling: ClassVar[bool] = False

    budget: str = "0.1M"
    widths: tuple[int, ...] = ()  # in place of the budget's
    pools: tuple = ()
    conv_dropout: float = 0.1
    # Keras's momentum of 0.99 would take longer than short runs to forget the start: our choice.
    momentum: float = 0.9
    epsilon: float = 1e-3

    def __post_init__(self):
        self.require_choice("budget", self.budgets)
        self.require_sizes("widths", empty=True)
        columns = None if self.along_time else 2
        self.require_sizes("pools", len(self._widths), columns)
        super().__post_init__()

    @property
    def _widths(self) -> tuple[int, ...]:
        return self.widths or self.budgets[self.budget]

    def _convolve(
        self, x: jax.Array, kernel: tuple[int, int], pools: Iterable[tuple[int, int]], train: bool
    ) -> jax.Array:
        layers = zip(self._widths, pools, strict=True)
        for layer, (width, pool) in enumerate(layers, start=1):
            block = ConvBlock(
                width,
                pool,
                self.conv_dropout,
                kernel,
                activation=nn.elu,
                **self.normed,
                name=f"block{layer}",
            )
            x, _ = block(x, train=train)
        return x.reshape(len(x), -1)


class ChoiK2C2(_ChoiCNN):
    """Five 3x3 convolutions.

    `budget="msd", input_norm=True` has the shapes of the released MusicTaggerCNN, whose pools are
    not recorded: these are the paper's.

    The paper's input is 96 mel bins and 1366 frames (29.1 s at 12 kHz, hop 256), of which the
    pooling leaves one value per channel. Remaining bins and steps are flattened into the channels.

    Further fields: see `ConvNetwork`.

    Attributes:
      budget: widths of the layers: the paper's for 50 classes, or "msd", those of the weights that
        github.com/keunwoochoi/music-auto_tagging-keras released for the Million Song Dataset.
      widths: channels of each convolution, in place of the budget's.
      pools: (time, bins) of the pooling after each convolution.
      conv_dropout: share dropped after each convolution; no source states it.
      input_norm: batch norm of the input, frame by frame; it ties the model to one clip length.
      bin_norm: batch norm of the input, bin by bin.

    Filling counts: each step that remains has weights of its own.
    """

    registered: ClassVar[str] = "choi_k2c2"
    source: ClassVar[str] = "Choi et al. 2016, arXiv 1609.04243"
    budgets: ClassVar = {
        "0.1M": (20, 41, 41, 62, 83),
        "0.25M": (33, 66, 66, 100, 133),
        "0.5M": (47, 95, 95, 142, 190),
        "1M": (67, 135, 135, 203, 271),
        "3M": (118, 236, 236, 355, 473),
        "msd": (32, 128, 128, 192, 256),
    }

    pools: tuple[tuple[int, int], ...] = ((4, 2), (4, 2), (4, 2), (5, 3), (4, 4))
    input_norm: bool = False
    bin_norm: bool = False

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> Output:
        """Classifies clips.

        Intermediates: "embedding" [batch, dim], the output of the last convolution.
        """
        self.require_pooling(features, self.pools)
        x = as_image(features)
        if self.input_norm:
            x = self.norm(x, "input_norm", train=train, axis=1)
        if self.bin_norm:
            x = self.norm(x, "bin_norm", train=train, axis=2)
        return self.classify(self._convolve(x, (3, 3), self.pools, train), train=train)


class _ChoiDense(_ChoiCNN):
    """The common part of the two networks with fully connected layers."""

    along_time: ClassVar[bool] = True

    dense_dropout: float = 0.5

    def _classify(self, x: jax.Array, train: bool) -> Output:
        x = self._convolve(x, (4, 1), [(pool, 1) for pool in self.pools], train)
        for layer in (1, 2):
            x = nn.Dense(self._widths[-1], dtype=self.dtype, name=f"dense{layer}")(x)
            x = nn.Dropout(self.dense_dropout, deterministic=not train)(nn.elu(x))
        return self.classify(x, train=train)


class ChoiK2C1(_ChoiDense):
    """One convolution over all bins and 4 frames, four over 4 frames, two dense layers.

    It is not known where the paper pools by 4 frames and where by 2. Five fours leave one step of
    its 1366 frames, as its budgets demand. Remaining steps are flattened into the channels.

    Filling counts: the dense layers have weights of their own for each step.

    Further fields: see `ConvNetwork`.

    Attributes:
      budget: widths of the layers: the paper's for 96 bins and 50 classes.
      widths: channels of each convolution, in place of the budget's; the dense layers are as wide
        as the last.
      pools: frames of the pooling after each convolution.
      conv_dropout: share dropped after each convolution; no source states it.
      dense_dropout: share dropped after each dense layer; no source states it.
    """

    registered: ClassVar[str] = "choi_k2c1"
    source: ClassVar[str] = "Choi et al. 2016, arXiv 1609.04243"
    budgets: ClassVar = {
        "0.1M": (43, 43, 43, 87, 87),
        "0.25M": (72, 72, 72, 145, 145),
        "0.5M": (106, 106, 106, 212, 212),
        "1M": (152, 152, 152, 304, 304),
        "3M": (265, 265, 265, 535, 535),
    }

    pools: tuple[int, ...] = (4, 4, 4, 4, 4)

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> Output:
        """Classifies clips.

        Intermediates: "embedding" [batch, dim], the output of the second dense layer.
        """
        self.require_size(features, frames=math.prod(self.pools))
        # A kernel over all bins is one over time that sees the bins as channels.
        x = features.reshape(*features.shape[:2], 1, -1)
        return self._classify(x, train)


class ChoiK1C2(_ChoiDense):
    """Four convolutions over 4 frames that treat every bin alike, two dense layers.

    The widths of the paper's dense layers are not known. Here they are as wide as the last
    convolution: 95,540 to 2.77 million parameters, up to 9 % below the paper's budgets.

    Filling counts: the dense layers have weights of their own for each step.

    Further fields: see `ConvNetwork`.

    Attributes:
      budget: widths of the layers: the paper's for 96 bins and 50 classes.
      widths: channels of each convolution, in place of the budget's; the dense layers are as wide
        as the last.
      pools: frames of the pooling after each convolution.
      conv_dropout: share dropped after each convolution; no source states it.
      dense_dropout: share dropped after each dense layer; no source states it.
    """

    registered: ClassVar[str] = "choi_k1c2"
    source: ClassVar[str] = "Choi et al. 2016, arXiv 1609.04243"
    budgets: ClassVar = {
        "0.1M": (15, 15, 30, 30),
        "0.25M": (23, 23, 47, 47),
        "0.5M": (33, 33, 66, 66),
        "1M": (47, 47, 95, 95),
        "3M": (81, 81, 163, 163),
    }

    pools: tuple[int, ...] = (4, 5, 8, 8)

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> Output:
        """Classifies clips.

        Intermediates: "embedding" [batch, dim], the output of the second dense layer.
        """
        self.require_size(features, frames=math.prod(self.pools))
        x = as_image(features)
        return self._classify(x, train)
