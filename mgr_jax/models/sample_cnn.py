"""SampleCNN: one-dimensional convolutions on the waveform, a few samples wide."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.errors import UserError
from mgr_jax.models.layers import ConvBlock, ResidualBlock, SqueezeExcite, clip_max, pool_clips
from mgr_jax.models.masking import Lengths
from mgr_jax.models.network import ConvNetwork, Output, as_sequence

BLOCKS = ("basic", "se", "res", "rese")


class SampleCNN(ConvNetwork):
    """A strided convolution and `depth` pooled ones, all `base` samples wide, on the waveform.

    Lee et al. 2017, "Sample-level Deep Convolutional Neural Networks" (arXiv 1703.01789), as in
    github.com/jongpillee/sampleCNN. The defaults are the 3^9 model for 59,049 samples (2.7 s at
    22,050 Hz):

        stem     128 channels, stride 3             19,683 steps
        block1-2 128, pooled by 3                    2,187
        block3-8 256, each pooled by 3                   3
        block9   512, pooled by 3                        1
        last     512, kernel 1                           1

    It has 1,869,874 parameters with 50 classes. `base=2, depth=13` is the 2^13 model for 16,384
    samples, with 1,872,818; other depths follow the same rule here. Longer clips leave several
    steps, whose maximum is taken.

    Further fields: see `ConvNetwork`.

    Attributes:
      base: width of the kernels and of the pooling, and stride of the stem.
      depth: number of pooled blocks.
      widths: channels of the stem and of blocks 1 and 2; of the blocks between; of the last block
        and of the last convolution.
      layer_widths: channels of every layer instead, from the stem to the last convolution; empty:
        as `widths` says.
      block: "basic" (convolution, batch norm, ReLU, pooling), "se" (basic and a
        squeeze-and-excitation gate), "res" (two convolutions beside a shortcut, ReLU, pooling) or
        "rese" (res with a gate).
      ends: likewise of the stem and of the last convolution.
      pad_stem: half a kernel of zeros before and after the clip, which residual ends always have.
      last_kernel: width of the last convolution, 0 for none.
      shortcut_kernel: width of the convolution in a shortcut between different widths; no wider
        than the layer's other kernels.
      gate_ratio: hidden units of a gate for every one of its channels.
      block_dropout: share dropped between the two convolutions of a residual block.
      levels: how many outputs, of the last blocks and the last convolution, are classified: their
        maxima over time, side by side.
      dense_units: of a dense layer with batch norm and ReLU after that, 0 for none.
      dropout: share dropped before the logits.
    """

    registered: ClassVar[str] = "sample_cnn"
    source: ClassVar[str] = "Lee et al. 2017, arXiv 1703.01789"
    raw: ClassVar[bool] = True

    base: int = 3
    depth: int = 9
    widths: tuple[int, int, int] = (128, 256, 512)
    layer_widths: tuple[int, ...] = ()
    block: str = "basic"
    ends: str = "basic"
    pad_stem: bool = False
    last_kernel: int = 1
    shortcut_kernel: int = 1
    gate_ratio: float = 16.0
    block_dropout: float = 0.2
    levels: int = 1
    dense_units: int = 0
    dropout: float = 0.5
    momentum: float = 0.99
    epsilon: float = 1e-3

    def __post_init__(self):
        self.require_choice("block", BLOCKS)
        self.require_choice("ends", BLOCKS)
        self.require_least(
            base=2, depth=1, last_kernel=0, shortcut_kernel=1, gate_ratio=0, levels=1, dense_units=0
        )
        self.require_sizes("widths", 3)
        outputs = self.depth + (self.last_kernel > 0)
        self.require_sizes("layer_widths", 1 + outputs, empty=True)
        if self.levels > outputs:
            raise UserError(
                f"{self.registered}: levels is {self.levels}, but there are only {outputs} outputs "
                "of blocks; use fewer levels or more depth",
                code="model.out_of_range",
            )
        super().__post_init__()

    @property
    def min_samples(self) -> int:
        """Fewest samples of a clip."""
        return self.base ** (self.depth + 1) - (self.base - 1) * self.pad_stem

    @property
    def _widths(self) -> tuple[int, ...]:
        """Channels of the stem, of every block and of the last convolution, if there is one."""
        if self.layer_widths:
            return tuple(self.layer_widths)
        first, middle, final = self.widths
        blocks = [first if layer < 3 else middle for layer in range(1, self.depth)]
        return (first, *blocks, final, *(final,) * (self.last_kernel > 0))

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips.

        Args:
          features: [batch, samples, 1] from the front end "waveform"; further bins and channels
            are seen as channels.
          train: use and update batch statistics, and drop out by the "dropout" key.
          lengths: [batch] samples of each clip that count; None: all.

        Returns:
          Logits [batch, num_classes] float32 and intermediates: "embedding" [batch, dim], the
          dense layer's output or the maxima.

        Raises:
          UserError: the clips have fewer than `min_samples`.
        """
        self.require_size(features, frames=self.min_samples)
        stem, *blocks = self._widths
        x, lengths = self._layer(
            as_sequence(features),
            lengths,
            self.ends,
            stem,
            self.base,
            "stem",
            stride=self.base,
            train=train,
        )
        outputs = []
        for layer in range(1, self.depth + 1):
            width, name = blocks[layer - 1], f"block{layer}"
            x, lengths = self._layer(
                x, lengths, self.block, width, self.base, name, pool=self.base, train=train
            )
            outputs.append((x, lengths))
        if self.last_kernel:
            x, lengths = self._layer(
                x, lengths, self.ends, blocks[-1], self.last_kernel, "last", train=train
            )
            outputs.append((x, lengths))
        last = outputs[-self.levels :]
        embedding = jnp.concatenate([clip_max(*output) for output in last], axis=-1)
        if self.dense_units:
            embedding = self.dense_block(embedding, self.dense_units, "dense", train=train)
        return self.classify(embedding, train=train, dropout=self.dropout)

    def _layer(
        self,
        x: jax.Array,
        lengths: Lengths,
        kind: str,
        width: int,
        kernel: int,
        name: str,
        *,
        stride: int = 1,
        pool: int = 1,
        train: bool,
    ) -> tuple[jax.Array, Lengths]:
        gate = max(1, round(width * self.gate_ratio)) if kind in ("se", "rese") else 0
        if kind in ("res", "rese"):
            residual = ResidualBlock(
                width,
                (kernel,),
                stride,
                (min(kernel, self.shortcut_kernel),),
                dropout=self.block_dropout,
                gate_units=gate,
                **self.normed,
                name=name,
            )
            x, lengths = residual(x, lengths, train=train)
            return pool_clips(x, (pool,), lengths)
        half = ((kernel // 2, (kernel - 1) // 2),)
        basic = ConvBlock(
            width,
            (pool,),
            kernel=(kernel,),
            stride=stride,
            padding="SAME" if stride == 1 else half if self.pad_stem else "VALID",
            kernel_init=nn.initializers.he_uniform(),
            **self.normed,
            name=name,
        )
        x, lengths = basic(x, lengths, train=train)
        if gate:
            x = SqueezeExcite(gate, dtype=self.dtype, name=f"{name}_gate")(x, lengths)
        return x, lengths
