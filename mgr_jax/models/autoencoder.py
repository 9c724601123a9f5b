"""A convolutional autoencoder of spectrograms, whose code is classified."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from mgr_jax.models.layers import ConvBlock
from mgr_jax.models.network import ConvNetwork, Output, as_image


class Autoencoder(ConvNetwork):
    """Convolutions down to a code and back to the spectrogram; the logits come from the code.

    An autoencoder in the sense of Hinton and Salakhutdinov ("Reducing the dimensionality of data
    with neural networks", Science 2006), with the strided transposed convolutions of Zeiler et al.
    2010 ("Deconvolutional networks") as decoder. All widths are our choice. On 3 s of log-mels,
    [130 frames, 128 bins], filled with zeros to whole pooling windows:

        encoder_block1 ... 4: 3x3 convolution, batch norm, ReLU, 2x2 maximum   → 9 x 8 x 64
        encoder_code: dense                                                     → 64
        decoder_start: dense, ReLU                                              → 9 x 8 x 64
        decoder_block1 ... 3: 4x4 transposed convolution, batch norm, ReLU      → 72 x 64 x 16
        decoder_end: 4x4 transposed convolution, cut to the input               → 130 x 128

    The reconstruction error is the auxiliary loss of the trainer. Alone, it trains the encoder
    without labels; a second run may start from its "encoder_*" parameters and train the logits. The
    dense layers fix the length of clips. 765,411 parameters with 50 classes; 355,552 of them belong
    to the encoder.

    Filling counts: the code describes the whole clip, and all of it is reconstructed.

    Further fields: see `ConvNetwork`.

    Attributes:
      widths: channels of each convolution of the encoder; the decoder has them in reverse.
      pools: (time, bins) of the pooling after each; strides in the decoder.
      code: size of the code, which is the embedding.
      dropout: share of the code dropped before the logits; the decoder sees all of it.
    """

    registered: ClassVar[str] = "autoencoder"
    source: ClassVar[str] = "Hinton and Salakhutdinov 2006, Science 313"
    masks_filling: ClassVar[bool] = False

    widths: tuple[int, ...] = (16, 32, 64, 64)
    pools: tuple[tuple[int, int], ...] = ((2, 2), (2, 2), (2, 2), (2, 2))
    code: int = 64
    dropout: float = 0.0

    def __post_init__(self):
        self.require_least(code=1)
        self.require_sizes("widths")
        self.require_sizes("pools", "widths", 2)
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> Output:
        """Classifies and reconstructs clips.

        Intermediates: "embedding" [batch, code], "reconstruction" in the shape of the features, and
        "auxiliary_loss" [batch] float32, its mean squared error.
        """
        self.require_size(features)
        x = as_image(features)
        channels = x.shape[-1]
        windows = [math.prod(sizes) for sizes in zip(*self.pools, strict=True)]
        missing = [-size % window for size, window in zip(x.shape[1:3], windows, strict=True)]
        x = jnp.pad(x, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)))
        for layer, (width, pool) in enumerate(zip(self.widths, self.pools, strict=True), start=1):
            block = ConvBlock(width, pool, **self.normed, name=f"encoder_block{layer}")
            x, _ = block(x, train=train)
        shape = x.shape
        code = nn.Dense(self.code, dtype=self.dtype, name="encoder_code")(x.reshape(len(x), -1))
        x = self._decode(code, shape, channels, train=train)
        reconstruction = x[:, : features.shape[1], : features.shape[2]].reshape(features.shape)
        reconstruction = reconstruction.astype(jnp.float32)
        # A learnt scale of the input must not shrink the target.
        error = reconstruction - lax.stop_gradient(features)
        return self.classify(
            code,
            train=train,
            dropout=self.dropout,
            reconstruction=reconstruction,
            auxiliary_loss=jnp.square(error).mean(axis=tuple(range(1, error.ndim))),
        )

    def _decode(
        self, code: jax.Array, shape: tuple[int, ...], channels: int, *, train: bool
    ) -> jax.Array:
        """Maps codes to [batch, frames, bins, channels], by way of `shape`."""
        x = nn.Dense(math.prod(shape[1:]), dtype=self.dtype, name="decoder_start")(code)
        x = nn.relu(x).reshape(shape)
        widths = (*self.widths[-2::-1], channels)
        for layer, (width, pool) in enumerate(zip(widths, self.pools[::-1], strict=True), start=1):
            last = layer == len(widths)
            name = "decoder_end" if last else f"decoder_block{layer}"
            # Larger than the stride, so that no place is left without a value.
            kernel = [size + 2 for size in pool]
            x = nn.ConvTranspose(width, kernel, strides=pool, dtype=self.dtype, name=name)(x)
            if not last:
                x = nn.relu(self.norm(x, f"{name}_norm", train=train))
        return x
