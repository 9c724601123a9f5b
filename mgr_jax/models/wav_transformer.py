"""A transformer on the waveform."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from mgr_jax.models.convolution import Conv
from mgr_jax.models.masking import Lengths, clip_mean, convolve
from mgr_jax.models.network import Network, Output, as_sequence
from mgr_jax.models.transformer import TransformerEncoder, require_heads


def sinusoidal_positions(steps: int, width: int) -> jax.Array:
    """The positions of Vaswani et al. 2017 (arXiv 1706.03762, section 3.5).

    Returns:
      [steps, width] float32: sines at even places, cosines of the same angles at odd ones.
    """
    rates = 10_000.0 ** (-np.arange(0, width, 2) / width)
    angles = np.arange(steps)[:, None] * rates
    both = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(steps, -1)
    return jnp.asarray(both[:, :width], jnp.float32)


class WavTransformer(Network):
    """A transformer over overlapping patches of the waveform, which may have any length.

    The ideas are ViT's (Dosovitskiy et al. 2020, arXiv 2010.11929: one linear map makes a token of
    each patch) and wav2vec 2.0's (Baevski et al. 2020, arXiv 2006.11477): its seven convolutions
    see 400 samples every 320 of 16 kHz, 25 ms every 20 ms, and so do the patches here. Positions
    are sinusoidal, so that they need no training and no fixed length. All widths, the GELU and the
    norm before the transformer, the mean after it and the dropout are our choice. On 5 s of 16 kHz:

        patches, GELU, norm, positions    → 249 x 192
        6 layers, norm                    → 249 x 192
        mean over time                    → 192

    2,756,594 parameters with 50 classes.

    Further fields: see `Network`.

    Attributes:
      patch: samples of a patch.
      stride: samples from one patch to the next.
      width: of the embedding of each patch.
      layers: of the transformer.
      heads: of the attention; they divide the width.
      hidden: units of the dense layers between.
      dropout: share dropped of the patches and of what each layer adds.
    """

    registered: ClassVar[str] = "wav_transformer"
    source: ClassVar[str] = "after Baevski et al. 2020, arXiv 2006.11477"
    raw: ClassVar[bool] = True

    patch: int = 400
    stride: int = 320
    width: int = 192
    layers: int = 6
    heads: int = 3
    hidden: int = 768
    dropout: float = 0.1

    def __post_init__(self):
        self.require_least(patch=1, stride=1, width=1, layers=1, heads=1, hidden=1)
        require_heads(self, self.width, self.heads)
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips.

        Args:
          features: [batch, samples, 1] from the front end "waveform"; further bins and channels
            are seen as channels.
          train: drop out by the "dropout" key.
          lengths: [batch] samples of each clip that count; None: all.

        Returns:
          Logits [batch, num_classes] float32 and intermediates: "embedding" [batch, width].

        Raises:
          UserError: the clips are shorter than a patch.
        """
        self.require_size(features, frames=self.patch)
        patches = Conv(
            self.width,
            (self.patch,),
            strides=self.stride,
            padding="VALID",
            dtype=self.dtype,
            name="patches",
        )
        x, lengths = convolve(patches, as_sequence(features), lengths)
        # Waveforms are quiet: the norm brings the patches to the scale of the positions.
        x = nn.gelu(x, approximate=False)
        x = nn.LayerNorm(epsilon=1e-5, dtype=self.dtype, name="patch_norm")(x)
        x = x + sinusoidal_positions(x.shape[1], self.width).astype(self.dtype)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = TransformerEncoder(
            self.layers,
            self.heads,
            self.hidden,
            dropout=self.dropout,
            dtype=self.dtype,
            name="encoder",
        )(x, lengths, train=train)
        return self.classify(clip_mean(x, lengths), train=train)
