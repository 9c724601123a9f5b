"""Dieleman and Schrauwen 2014, "End-to-end learning for music audio" (ICASSP)."""

from typing import ClassVar

import jax
from flax import linen as nn

from mgr_jax.models.convolution import Conv
from mgr_jax.models.layers import max_pool
from mgr_jax.models.network import Network, Output, as_sequence


class Dieleman2014(Network):
    """A strided convolution as long as a spectrogram's frame, on the waveform, and two short ones.

    The layers follow the baselines of github.com/mdeff/fma, for samples at 16 kHz and without
    padding. Those use whole clips of 30 s and note that the paper's segments are missing. Segments
    of 48,000 samples (3 s) are our choice:

        conv1  128 channels, kernel and stride 512        93 steps
        conv2  32, kernel 8, pooled by 4                  21
        conv3  32, kernel 8, pooled by 4                   3
        dense  100 units

    121,438 parameters with 50 classes. Longer clips leave more steps beside the channels that the
    dense layer sees, so that it grows with them.

    Filling counts: the dense layer has weights of its own for each step.

    Further fields: see `Network`.

    Attributes:
      frame_length: samples of the first kernel.
      hop_length: samples between its positions.
      widths: channels of each convolution.
      kernel: steps of the later kernels.
      pool: steps of the pooling after them.
      dense_units: of the dense layer.
      dropout: share dropped before the logits; no source has it.
    """

    registered: ClassVar[str] = "dieleman2014"
    source: ClassVar[str] = "Dieleman and Schrauwen 2014, ICASSP"
    masks_filling: ClassVar[bool] = False
    raw: ClassVar[bool] = True

    frame_length: int = 512
    hop_length: int = 512
    widths: tuple[int, ...] = (128, 32, 32)
    kernel: int = 8
    pool: int = 4
    dense_units: int = 100
    dropout: float = 0.0

    def __post_init__(self):
        self.require_least(frame_length=1, hop_length=1, kernel=1, pool=1, dense_units=1)
        self.require_sizes("widths")
        super().__post_init__()

    @property
    def min_samples(self) -> int:
        """Fewest samples of a clip."""
        steps = 1
        for _ in self.widths[1:]:
            steps = steps * self.pool + self.kernel - 1
        return (steps - 1) * self.hop_length + self.frame_length

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> Output:
        """Classifies clips.

        Args:
          features: [batch, samples, 1] from the front end "waveform"; further bins and channels
            are seen as channels.
          train: drop out by the "dropout" key.

        Returns:
          Logits [batch, num_classes] float32 and intermediates: "embedding" [batch, dense_units],
          the output of the dense layer.

        Raises:
          UserError: the clips have fewer than `min_samples`.
        """
        self.require_size(features, frames=self.min_samples)
        x = as_sequence(features)
        for layer, width in enumerate(self.widths, start=1):
            size, stride, pool = (
                (self.frame_length, self.hop_length, 1)
                if layer == 1
                else (self.kernel, 1, self.pool)
            )
            x = Conv(
                width,
                (size,),
                strides=stride,
                padding="VALID",
                dtype=self.dtype,
                name=f"conv{layer}",
            )(x)
            x = nn.relu(max_pool(x, (pool,)))
        x = nn.Dense(self.dense_units, dtype=self.dtype, name="dense")(x.reshape(len(x), -1))
        return self.classify(nn.relu(x), train=train, dropout=self.dropout)
