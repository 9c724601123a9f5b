"""Choi et al. 2017, "Transfer learning for music classification and regression tasks"."""

from collections.abc import Sequence
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.models.layers import ConvBlock, max_pool
from mgr_jax.models.masking import Lengths, clip_mean, frame_mask
from mgr_jax.models.network import ConvNetwork, Output, as_image


class _SegmentNormBlock(ConvBlock):
    """A block that normalises each clip by itself, in training and after it."""

    def norm(
        self,
        x: jax.Array,
        name: str = "norm",
        *,
        train: bool,
        axis: int = -1,
        lengths: Lengths = None,
        shift: jax.Array | None = None,
        pool: Sequence[int] = (),
    ) -> jax.Array:
        del train, shift  # a bias is the same for a whole channel, whose mean is taken away
        layer = nn.InstanceNorm(
            feature_axes=axis, epsilon=self.epsilon, dtype=self.dtype, name=name
        )
        x = layer(x, mask=None if lengths is None else frame_mask(x, lengths))
        return max_pool(x, pool) if pool else x


BLOCKS = {"batch": ConvBlock, "segment": _SegmentNormBlock}


class CompactCNN(ConvNetwork):
    """Five narrow 3x3 convolutions, whose means make a feature for other tasks.

    arXiv 1703.09179 and github.com/keunwoochoi/transfer_learning_music, with weights trained on the
    tags of the Million Song Dataset, but without their output layer. The input is 1360 frames of 96
    mel bins (29 s at 12 kHz, preset "compact_cnn"), of which the pooling leaves one value per
    channel. 37,632 parameters before the output layer, 39,282 with 50 classes, or 45,682 with
    `readout="means"`.

    The original uses the statistics of the batch after training too; its stored statistics were
    never updated. Its features are computed one clip at a time. So the released weights need
    `normalise_over="segment"`. The default is batch norm as everywhere else.

    Further fields: see `ConvNetwork`.

    Attributes:
      width: channels of each convolution: one number for all, or one for each.
      pools: (time, bins) of the pooling after each convolution.
      normalise_over: "batch", or "segment": every clip by its own statistics.
      readout: what is classified: "last", the last layer's output, as in the network that was
        trained; or "means", the paper's feature of 5 x 32 values: the averages of every layer's
        output over time and bins.
      dropout: share dropped before the logits; no source has it.

    Filling counts with `readout="last"`: each step that remains has weights of its own.
    """

    registered: ClassVar[str] = "compact_cnn"
    source: ClassVar[str] = "Choi et al. 2017, arXiv 1703.09179"

    width: int | tuple[int, ...] = 32
    pools: tuple[tuple[int, int], ...] = ((4, 2), (4, 3), (5, 2), (4, 2), (4, 4))
    normalise_over: str = "batch"
    readout: str = "last"
    dropout: float = 0.0
    momentum: float = 0.99
    epsilon: float = 1e-3

    def __post_init__(self):
        self.require_choice("normalise_over", BLOCKS)
        self.require_choice("readout", ("last", "means"))
        self.require_sizes("pools", columns=2)
        if isinstance(self.width, int):
            self.require_least(width=1)
        else:
            self.require_sizes("width", "pools")
        super().__post_init__()

    @property
    def masks_filling(self) -> bool:
        """See `Network`."""
        return self.readout == "means"

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips.

        Intermediates: "embedding" [batch, dim], see `readout`; bins and steps that remain after the
        last layer are flattened into its channels.
        """
        self.require_pooling(features, self.pools)
        x = as_image(features)
        means = []
        width = self.width
        widths = (width,) * len(self.pools) if isinstance(width, int) else width
        for layer, (width, pool) in enumerate(zip(widths, self.pools, strict=True), start=1):
            block = BLOCKS[self.normalise_over]
            x, lengths = block(width, pool, activation=nn.elu, **self.normed, name=f"block{layer}")(
                x, lengths, train=train
            )
            means.append(clip_mean(x, lengths))
        last = x.reshape(len(x), -1)
        embedding = last if self.readout == "last" else jnp.concatenate(means, axis=-1)
        return self.classify(embedding, train=train, dropout=self.dropout)
