"""Short-chunk CNNs of Won et al. 2020, "Evaluation of CNN-based Automatic Music Tagging Models"."""

from typing import ClassVar

import jax
from flax import linen as nn

from mgr_jax.models.layers import clip_max
from mgr_jax.models.masking import Lengths
from mgr_jax.models.network import Output
from mgr_jax.models.won2020 import WonConvNetwork


class ShortChunk(WonConvNetwork):
    """Seven 3x3 convolutions with small pooling, the maximum over what remains, a dense layer.

    Won et al. 2020 (arXiv 2006.00751; github.com/minzwon/sota-music-tagging-models). Input: the
    front end `won2020_128`, 231 frames (3.69 s) of 128 bins, of which the pooling leaves one step
    of one bin. 3,687,348 parameters with 50 classes. The maximum over bins, where more than one
    remain, is our choice.

    Further fields: see `ConvNetwork`.

    Attributes:
      widths: channels of each convolution; the dense layer has as many units as the last.
      pools: (time, bins) of the pooling after each convolution.
      dropout: share dropped before the logits.
    """

    registered: ClassVar[str] = "short_chunk"
    source: ClassVar[str] = "Won et al. 2020, arXiv 2006.00751"

    widths: tuple[int, ...] = (128, 128, 256, 256, 256, 256, 512)
    pools: tuple[tuple[int, int], ...] = ((2, 2),) * 7

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips; "embedding" is [batch, widths[-1]]."""
        x, lengths = self._convolve(features, lengths, train)
        x = self.dense_block(clip_max(x, lengths), self.widths[-1], "dense", train=train)
        return self.classify(x, train=train, dropout=self.dropout)


class ShortChunkRes(ShortChunk):
    """`ShortChunk` with residual blocks, whose strides of 2 take the place of pooling.

    From the same authors, for the same input; the shortcuts are 3x3 convolutions. A stride halves
    sizes upwards, so that 2 steps of the 231 frames remain. 12,104,244 parameters with 50 classes.

    Further fields: see `ConvNetwork`.

    Attributes:
      widths: channels of each block; the dense layer has as many units as the last.
      pools: strides (time, bins) of each block.
      dropout: share dropped before the logits.
    """

    registered: ClassVar[str] = "short_chunk_res"
    source: ClassVar[str] = "Won et al. 2020, arXiv 2006.00751"
    residual: ClassVar[bool] = True
