"""Nakashika et al. 2012: texture maps of spectrograms into a convolutional network."""

from collections.abc import Sequence
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from mgr_jax.errors import UserError
from mgr_jax.models.layers import ConvBlock
from mgr_jax.models.masking import Lengths, mask_frames
from mgr_jax.models.network import ConvNetwork, Output


def co_occurrence(
    x: jax.Array, offsets: Sequence[tuple[int, int]], levels: int, lengths: Lengths = None
) -> jax.Array:
    """Grey-level co-occurrence matrices (Haralick et al. 1973), symmetric and of sum 1.

    Each image is quantised between its own minimum and maximum. Entry (i, j) of a matrix is the
    share of the pairs of pixels an offset apart, read both ways, whose levels are i and j.
    Quantising has no gradient.

    Args:
      x: [batch, height, width].
      offsets: (rows, columns) from one pixel of a pair to the other, each less than the image.
      levels: number of grey levels.
      lengths: [batch] rows of each image that count; None: all.

    Returns:
      [batch, levels, levels, offsets] float32.
    """
    low = mask_frames(x, lengths, jnp.inf).min(axis=(1, 2), keepdims=True)
    high = mask_frames(x, lengths, -jnp.inf).max(axis=(1, 2), keepdims=True)
    span = jnp.where(high > low, high - low, 1.0)
    level = jnp.floor((x - low) / span * levels).astype(jnp.int32).clip(0, levels - 1)
    pixels = mask_frames(jax.nn.one_hot(level, levels, dtype=jnp.float32), lengths)
    height, width = x.shape[1:]

    def matrix(rows: int, columns: int) -> jax.Array:
        # Where the pixel and its partner are both within the image.
        top, left = max(0, -rows), max(0, -columns)
        bottom, right = height - max(0, rows), width - max(0, columns)
        one = pixels[:, top:bottom, left:right]
        other = pixels[:, top + rows : bottom + rows, left + columns : right + columns]
        pairs = jnp.einsum("bhwi,bhwj->bij", one, other)
        both = pairs + pairs.swapaxes(1, 2)
        if lengths is None:
            return both / (2 * one.shape[1] * one.shape[2])
        return both / jnp.maximum(both.sum(axis=(1, 2), keepdims=True), 1)

    return jnp.stack([matrix(*offset) for offset in offsets], axis=-1)


class Nakashika2012(ConvNetwork):
    """Co-occurrence maps of the spectrogram's levels in several directions, as an image.

    "Local-feature-map Integration Using Convolutional Neural Networks for Music Genre
    Classification" (Interspeech 2012) feeds such maps of a short-term mel spectrogram to a
    convolutional network. No more of it is known here, so all else is our choice: 128 mel bins in
    dB and 130 frames (3 s at 22,050 Hz, hop 512), 16 levels, the four neighbours of a pixel at 0,
    45, 90 and 135 degrees; then

        block1  32 channels, 3x3, pooled by 2     8 x 8
        block2  64, 3x3, pooled by 2              4 x 4
        dense   100 units

    127,622 parameters with 50 classes, for clips of any size. The maps are computed within the
    network; no gradient goes through them to a learned front end.

    Further fields: see `ConvNetwork`.

    Attributes:
      levels: grey levels of a clip, from its minimum to its maximum.
      offsets: (frames, bins) between the pixels of a pair, of each map.
      widths: channels of each convolution.
      dense_units: of the dense layer.
      dropout: share dropped before the logits.
    """

    registered: ClassVar[str] = "nakashika2012"
    source: ClassVar[str] = "Nakashika et al. 2012, Interspeech"

    levels: int = 16
    offsets: tuple[tuple[int, int], ...] = ((1, 0), (1, 1), (0, 1), (-1, 1))
    widths: tuple[int, ...] = (32, 64)
    dense_units: int = 100
    dropout: float = 0.5

    def __post_init__(self):
        self.require_least(levels=2 ** len(self.widths), dense_units=1)
        self.require_sizes("widths", empty=True)
        pairs = [offset for offset in self.offsets if np.shape(offset) == (2,)]
        whole = all(isinstance(step, int) for pair in pairs for step in pair)
        if not pairs or len(pairs) < len(self.offsets) or not whole:
            raise UserError(
                f"{self.registered}: offsets is {self.offsets}; give (frames, bins) of each map",
                code="model.wrong_sizes",
            )
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips.

        Args:
          features: [batch, frames, bins], or [batch, frames, bins, channels] with maps of each
            channel.
          train: use and update batch statistics, and drop out by the "dropout" key.
          lengths: [batch] frames of each clip that count; None: all.

        Returns:
          Logits [batch, num_classes] float32 and intermediates: "embedding" [batch, dense_units],
          the output of the dense layer, and "maps" [batch, levels, levels, offsets] float32.

        Raises:
          UserError: the clips have no pixels as far apart as an offset.
        """
        frames, bins = (1 + max(map(abs, steps)) for steps in zip(*self.offsets, strict=True))
        self.require_size(features, frames=frames, bins=bins)
        channels = [features] if features.ndim == 3 else jnp.moveaxis(features, -1, 0)
        maps = jnp.concatenate(
            [co_occurrence(x, self.offsets, self.levels, lengths) for x in channels], axis=-1
        )
        x = maps * self.levels**2  # a mean of 1, beside which batch norm's epsilon is small
        for layer, width in enumerate(self.widths, start=1):
            x, _ = ConvBlock(width, (2, 2), **self.normed, name=f"block{layer}")(x, train=train)
        x = self.dense_block(x.reshape(len(x), -1), self.dense_units, "dense", train=train)
        return self.classify(x, train=train, dropout=self.dropout, maps=maps)
