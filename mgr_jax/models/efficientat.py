"""MobileNetV3 for audio tagging: Schmid, Koutini, Widmer 2023 (arXiv 2211.04772), "EfficientAT"."""

import functools
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.errors import UserError
from mgr_jax.models.layers import ConvBlock, SqueezeExcite
from mgr_jax.models.masking import Lengths, clip_mean
from mgr_jax.models.network import BatchNormed, ConvNetwork, Output, as_image

# As the authors draw the kernels: He et al.'s variance, counted over outputs.
_CONV_INIT = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
_DENSE_INIT = nn.initializers.normal(0.01)
_GATES = ("c", "f", "cf", "none")
_HEADS = ("mlp", "fully_convolutional")
_WIDEST = 16.0


class Row(NamedTuple):
    """A block at width 1, see `InvertedResidual`.

    Attributes:
      inputs: channels that come in.
      kernel: size of the depthwise kernel.
      expanded: channels between the 1x1 convolutions.
      outputs: channels that go out.
      gated: whether it has a gate.
      hard_swish: whether its activation is that.
      stage: number of the stride that it has, from 1; 0: it has none.
    """

    inputs: int
    kernel: int
    expanded: int
    outputs: int
    gated: bool
    hard_swish: bool
    stage: int = 0


ROWS = (
    Row(16, 3, 16, 16, False, False),
    Row(16, 3, 64, 24, False, False, 1),
    Row(24, 3, 72, 24, False, False),
    Row(24, 5, 72, 40, True, False, 2),
    *[Row(40, 5, 120, 40, True, False)] * 2,
    Row(40, 3, 240, 80, False, True, 3),
    Row(80, 3, 200, 80, False, True),
    *[Row(80, 3, 184, 80, False, True)] * 2,
    Row(80, 3, 480, 112, True, True),
    Row(112, 3, 672, 112, True, True),
    Row(112, 5, 672, 160, True, True, 4),
    *[Row(160, 5, 960, 160, True, True)] * 2,
)
TAIL = 3  # rows at the end that `reduced_tail` and `dilated` change
HIDDEN = 1280


class Channels(NamedTuple):
    """Those of a block: that come in, are expanded to, and go out."""

    inputs: int
    expanded: int
    outputs: int


def divisible(size: float) -> int:
    """The multiple of 8 nearest to a number of channels, which never takes more than a tenth."""
    rounded = max(8, int(size + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * size else rounded


def block_channels(width: float, *, reduced_tail: bool = False) -> list[Channels]:
    """Channels of the blocks of `EfficientAT`, see there."""
    found = []
    inputs = divisible(ROWS[0].inputs * width)
    for number, row in enumerate(ROWS):
        half = 2 if reduced_tail and number >= len(ROWS) - TAIL else 1
        # The first row of the tail expands what comes from before it.
        expanded = row.expanded // (1 if row.stage else half)
        outputs = divisible(row.outputs // half * width)
        found.append(Channels(inputs, divisible(expanded * width), outputs))
        inputs = outputs
    return found


def identity(x: jax.Array) -> jax.Array:
    """No activation."""
    return x


def _convolution(
    features: int,
    kernel: int,
    activation: Callable[[jax.Array], jax.Array],
    *,
    dilation: int = 1,
    **settings: Any,
) -> ConvBlock:
    """A convolution with batch norm that pads both ends of both axes alike, as PyTorch does."""
    around = (kernel - 1) // 2 * dilation
    return ConvBlock(
        features,
        pool=(1, 1),
        kernel=(kernel, kernel),
        padding=((around, around), (around, around)),
        dilation=dilation,
        bias=False,
        activation=activation,
        kernel_init=_CONV_INIT,
        **settings,
    )


class InvertedResidual(BatchNormed):
    """Expansion by a 1x1 convolution, depthwise convolution, gate, 1x1 convolution, shortcut.

    Sandler et al. 2018 (arXiv 1801.04381), Howard et al. 2019 (arXiv 1905.02244). There is no
    expansion where it would keep the number of channels, no activation after the last convolution,
    and a shortcut where the shape stays.

    Attributes:
      expanded: channels between the 1x1 convolutions.
      features: output channels.
      kernel: size of the depthwise kernel along both axes.
      stride: of the depthwise convolution along both axes.
      dilation: of the depthwise convolution; more than 1 takes the place of its stride.
      gates: axes that the squeeze-and-excitation gate is over, "c" or "f" or both: channels, bins;
        the largest of both counts. Empty: there is none.
      hard_swish: activation: hard swish instead of ReLU.
    """

    expanded: int
    features: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    gates: str = ""
    hard_swish: bool = False

    @nn.compact
    def __call__(
        self, x: jax.Array, lengths: Lengths = None, *, train: bool
    ) -> tuple[jax.Array, Lengths]:
        """Maps [batch, frames, bins, channels] to [batch, frames, bins, features].

        A stride divides frames and bins. Beside it are the lengths of the clips after it.
        """
        shortcut = x
        activation = nn.hard_swish if self.hard_swish else nn.relu
        if self.expanded != x.shape[-1]:
            expand = _convolution(self.expanded, 1, activation, **self.normed, name="expand")
            x, lengths = expand(x, lengths, train=train)
        depthwise = _convolution(
            self.expanded,
            self.kernel,
            activation,
            stride=1 if self.dilation > 1 else self.stride,
            dilation=self.dilation,
            depthwise=True,
            **self.normed,
            name="depthwise",
        )
        x, lengths = depthwise(x, lengths, train=train)
        gated = [self._gated(x, axis, lengths) for axis in self.gates]
        x = functools.reduce(jnp.maximum, gated) if gated else x
        project = _convolution(self.features, 1, identity, **self.normed, name="project")
        x, lengths = project(x, lengths, train=train)
        if self.stride == 1 and shortcut.shape[-1] == self.features:
            x = x + shortcut
        return x, lengths

    def _gated(self, x: jax.Array, axis: str, lengths: Lengths) -> jax.Array:
        """x, scaled by the gate over channels ("c") or bins ("f")."""
        turned = x if axis == "c" else x.swapaxes(2, 3)
        gate = SqueezeExcite(
            divisible(turned.shape[-1] // 4),
            kernel_init=_DENSE_INIT,
            dtype=self.dtype,
            name="gate" if axis == "c" else "gate_bins",
        )
        turned = gate(turned, lengths)
        return turned if axis == "c" else turned.swapaxes(2, 3)


class EfficientAT(ConvNetwork):
    """MobileNetV3-Large for spectrograms: 15 inverted residual blocks, then the mean of a clip.

    Schmid et al. 2023 (arXiv 2211.04772; github.com/fschmid56/EfficientAT), whose mn01 to mn40 have
    widths of 0.1 to 4.0. Input: the front end `efficientat`, 10 s as [1000 frames, 128 bins]:

        stem: 3x3 convolution of stride 2           → 500 x 64 x 16, at width 1
        15 blocks, of which 4 have stride 2         → 32 x 4 x 160
        1x1 convolution                             → 32 x 4 x 960
        mean over what remains                      → 960, the embedding
        dense layer "hidden", hard swish, dropout   → 1280
        dense layer "head"                          → classes

    Channels are multiples of 8. Every layer pads both ends alike, as PyTorch does, so that each
    stride of 2 halves both axes, rounded up. Fine-tuning on other classes draws "head" alone anew.
    4,265,794 parameters with 50 classes.

    Further fields: see `ConvNetwork`.

    Attributes:
      width: factor of all numbers of channels.
      strides: of the four blocks that shrink the spectrogram.
      reduced_tail: half the channels from the last of them on.
      dilated: the last three blocks have a dilation of 2, and no stride.
      se: axes of the squeeze-and-excitation gates: "c" channels, "f" bins, "cf" both, "none".
      head: "mlp", or "fully_convolutional": a 1x1 convolution to the classes with batch norm, whose
        mean are the logits; it has no layer "hidden".
      dropout: share dropped before the logits of "mlp".
    """

    registered: ClassVar[str] = "efficientat"
    source: ClassVar[str] = "Schmid et al. 2023, arXiv 2211.04772"

    width: float = 1.0
    strides: tuple[int, ...] = (2, 2, 2, 2)
    reduced_tail: bool = False
    dilated: bool = False
    se: str = "c"
    head: str = "mlp"
    dropout: float = 0.2
    momentum: float = 0.99
    epsilon: float = 1e-3

    def __post_init__(self):
        if not 0 < self.width <= _WIDEST:
            raise UserError(
                f"{self.registered}: width is {self.width}; it must be positive, and up to "
                f"{_WIDEST}",
                code="model.out_of_range",
            )
        self.require_sizes("strides", 4)
        self.require_choice("se", _GATES)
        self.require_choice("head", _HEADS)
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips.

        Intermediates: "embedding" [batch, dim], the mean over frames and bins, which the two layers
        of "mlp" make logits of, and "hidden" [batch, units], what the first of them gives. Without
        classes there is neither layer.
        """
        self.require_size(features)
        x = as_image(features)
        channels = block_channels(self.width, reduced_tail=self.reduced_tail)
        stem = _convolution(
            channels[0].inputs, 3, nn.hard_swish, stride=2, **self.normed, name="stem"
        )
        x, lengths = stem(x, lengths, train=train)
        for number, (row, sizes) in enumerate(zip(ROWS, channels, strict=True), start=1):
            block = InvertedResidual(
                sizes.expanded,
                sizes.outputs,
                row.kernel,
                stride=self.strides[row.stage - 1] if row.stage else 1,
                dilation=2 if self.dilated and number > len(ROWS) - TAIL else 1,
                gates=self.se if row.gated and self.se != "none" else "",
                hard_swish=row.hard_swish,
                **self.normed,
                name=f"block{number}",
            )
            x, lengths = block(x, lengths, train=train)
        last = _convolution(6 * x.shape[-1], 1, nn.hard_swish, **self.normed, name="last")
        x, lengths = last(x, lengths, train=train)
        embedding = clip_mean(x, lengths).astype(jnp.float32)
        if not self.num_classes:
            return self.classify(embedding, train=train)
        if self.head == "fully_convolutional":
            to_classes = _convolution(
                self.num_classes, 1, identity, axis_name=self.axis_name, name="head"
            )
            scores, _ = to_classes(x.astype(jnp.float32), lengths, train=train)
            return clip_mean(scores, lengths), {"embedding": embedding}
        units = divisible((HIDDEN // 2 if self.reduced_tail else HIDDEN) * self.width)
        hidden = nn.hard_swish(nn.Dense(units, kernel_init=_DENSE_INIT, name="hidden")(embedding))
        logits, _ = self.classify(
            hidden, train=train, dropout=self.dropout, kernel_init=_DENSE_INIT
        )
        return logits, {"embedding": embedding, "hidden": hidden}
