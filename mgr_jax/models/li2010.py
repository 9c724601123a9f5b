"""Li, Chan and Chun 2010: the first convolutional network on GTZAN's genres (IMECS)."""

from typing import ClassVar

import jax
from flax import linen as nn

from mgr_jax.models.convolution import Conv
from mgr_jax.models.network import Network, Output, as_sequence


class Li2010(Network):
    """Three strided convolutions along time on 13 cepstral coefficients.

    "Automatic Musical Pattern Feature Extraction Using Convolutional Neural Network", with the
    layers that the baselines of github.com/mdeff/fma give it. Its clips are 190 frames of 13
    coefficients (2.2 s, preset "li2010"):

        conv1  3 channels, all coefficients x 10 frames, stride 4    46 steps
        conv2  15, 10, stride 4                                      10
        conv3  65, 10, stride 4                                       1

    13,973 parameters with 50 classes. Steps of longer clips are flattened into the channels.
    The units are ReLUs, as there; the paper's are, as recalled and not verified, like tanh.

    Filling counts: each step that remains has weights of its own.

    Further fields: see `Network`.

    Attributes:
      widths: channels of each convolution.
      kernel: frames, then steps, of each kernel; the first spans all bins.
      stride: of each convolution.
      dropout: share dropped before the logits; no source has it.
    """

    registered: ClassVar[str] = "li2010"
    source: ClassVar[str] = "Li, Chan and Chun 2010, IMECS"
    masks_filling: ClassVar[bool] = False

    widths: tuple[int, ...] = (3, 15, 65)
    kernel: int = 10
    stride: int = 4
    dropout: float = 0.0

    def __post_init__(self):
        self.require_least(kernel=1, stride=1)
        self.require_sizes("widths")
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> Output:
        """Classifies clips.

        Intermediates: "embedding" [batch, dim], the output of the last convolution.
        """
        frames = 1
        for _ in self.widths:
            frames = (frames - 1) * self.stride + self.kernel
        self.require_size(features, frames=frames)
        # A kernel over all bins is one over time that sees the bins as channels.
        x = as_sequence(features)
        for layer, width in enumerate(self.widths, start=1):
            conv = Conv(
                width,
                (self.kernel,),
                strides=self.stride,
                padding="VALID",
                dtype=self.dtype,
                name=f"conv{layer}",
            )
            x = nn.relu(conv(x))
        return self.classify(x.reshape(len(x), -1), train=train, dropout=self.dropout)
