"""FCN and CRNN of Won et al. 2020, "Evaluation of CNN-based Automatic Music Tagging Models"."""

import math
from typing import ClassVar

import jax
from flax import linen as nn

from mgr_jax.models.layers import ConvBlock, ResidualBlock
from mgr_jax.models.masking import Lengths, last_frame
from mgr_jax.models.network import ConvNetwork, Output, as_image, as_sequence
from mgr_jax.models.recurrent import GRU


class WonConvNetwork(ConvNetwork):
    """The common part of the authors' CNNs: an input norm and 3x3 convolutions.

    Further fields: see `ConvNetwork`.

    Attributes:
      widths: channels of each convolution or residual block.
      pools: (time, bins) by which each shrinks its input, with pooling or, residual, with strides.
      dropout: share dropped before the logits.
    """

    residual: ClassVar[bool] = False

    widths: tuple[int, ...] = ()
    pools: tuple[tuple[int, int], ...] = ()
    dropout: float = 0.5

    def __post_init__(self):
        self.require_sizes("widths")
        self.require_sizes("pools", "widths", 2)
        super().__post_init__()

    def _convolve(
        self, features: jax.Array, lengths: Lengths, train: bool
    ) -> tuple[jax.Array, Lengths]:
        """Maps [batch, frames, bins(, channels)] to [batch, steps, bins, channels]."""
        cut = ((1, 1),) if self.residual else self.pools  # strides always leave a step
        frames, bins = (math.prod(sizes) for sizes in zip(*cut, strict=True))
        self.require_size(features, frames=frames, bins=bins)
        x = self.norm(as_image(features), "input_norm", train=train, lengths=lengths)
        for layer, (width, pool) in enumerate(zip(self.widths, self.pools, strict=True), start=1):
            settings = {**self.normed, "name": f"block{layer}"}
            if self.residual:
                settings |= {"stride": pool, "shortcut_kernel": (3, 3)}
                x, lengths = ResidualBlock(width, **settings)(x, lengths, train=train)
            else:
                x, lengths = ConvBlock(width, pool, **settings)(x, lengths, train=train)
        return x, lengths


class FCN(WonConvNetwork):
    """Five 3x3 convolutions and nothing else (Choi et al. 2016, arXiv 1606.00298).

    As trained by Won et al. 2020 (arXiv 2006.00751; github.com/minzwon/sota-music-tagging-models),
    with ReLU, 16 kHz and one batch norm of the whole input. Their input is the front end
    `won2020_96`: 1813 frames (29 s) of 96 bins, of which the pooling leaves 1 x 1 x 64. Steps and
    bins that remain of a larger one are flattened into the channels. 447,732 parameters with 50
    classes.

    Filling counts: each step that remains has weights of its own.

    Further fields: see `ConvNetwork`.

    Attributes:
      widths: channels of each convolution.
      pools: (time, bins) of the pooling after each convolution.
      dropout: share dropped before the logits.
    """

    registered: ClassVar[str] = "fcn"
    source: ClassVar[str] = "Choi et al. 2016, arXiv 1606.00298, as in arXiv 2006.00751"
    masks_filling: ClassVar[bool] = False

    widths: tuple[int, ...] = (64, 128, 128, 128, 64)
    pools: tuple[tuple[int, int], ...] = ((4, 2), (4, 2), (4, 2), (5, 3), (4, 4))

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> Output:
        """Classifies clips.

        Intermediates: "embedding" [batch, dim], the output of the last convolution.
        """
        x, _ = self._convolve(features, None, train)
        return self.classify(x.reshape(len(x), -1), train=train, dropout=self.dropout)


class WonCRNN(WonConvNetwork):
    """Four 3x3 convolutions and a GRU of two layers, whose last state is classified.

    The CRNN of Choi et al. (arXiv 1609.04243) as Won et al. 2020 (arXiv 2006.00751;
    github.com/minzwon/sota-music-tagging-models) trained it: with ReLU, 16 kHz, one batch norm of
    the whole input, and PyTorch's GRU. `choi_crnn` is the original. Input: the front end
    `won2020_96`, 1813 frames (29 s) of 96 bins, of which the pooling leaves 18 steps of one bin.
    Bins that remain of more are flattened into the channels. 394,100 parameters with 50 classes.

    Further fields: see `ConvNetwork`.

    Attributes:
      widths: channels of each convolution.
      pools: (time, bins) of the pooling after each convolution.
      units: size of the GRU's state.
      layers: of the GRU.
      dropout: share dropped before the logits.
    """

    registered: ClassVar[str] = "won_crnn"
    source: ClassVar[str] = "Choi et al. 2016, arXiv 1609.04243, as in arXiv 2006.00751"

    widths: tuple[int, ...] = (64, 128, 128, 128)
    pools: tuple[tuple[int, int], ...] = ((2, 2), (3, 3), (4, 4), (4, 4))
    units: int = 32
    layers: int = 2

    def __post_init__(self):
        self.require_least(units=1, layers=1)
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips; "embedding" is [batch, units]."""
        x, lengths = self._convolve(features, lengths, train)
        x = as_sequence(x)
        for layer in range(1, self.layers + 1):
            x = GRU(self.units, cudnn=True, dtype=self.dtype, name=f"gru{layer}")(x)
        return self.classify(last_frame(x, lengths), train=train, dropout=self.dropout)
