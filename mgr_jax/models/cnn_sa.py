"""CNN-SA: Won et al. 2019, "Toward Interpretable Music Tagging with Self-Attention"."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from mgr_jax.models.masking import Lengths
from mgr_jax.models.network import Output, as_sequence
from mgr_jax.models.transformer import TransformerEncoder, require_heads
from mgr_jax.models.won2020 import WonConvNetwork


class CNNSA(WonConvNetwork):
    """Residual blocks that end in one bin, then a transformer over time (arXiv 1906.04972).

    In the form of Won et al. 2020 (arXiv 2006.00751; github.com/minzwon/sota-music-tagging-models).
    Input: the front end `won2020_128`, 938 frames (15 s) of 128 bins, of which the blocks leave 118
    steps of one bin with 256 channels; bins that remain of more are flattened into the channels.
    A token precedes the steps: numbers drawn once from NumPy's seed 0, neither trained nor
    different between clips. The transformer is BERT's, without positions; a dense layer with tanh
    maps its output for the token to the embedding. 10,521,652 parameters with 50 classes, of them
    8,863,490 before the transformer. In training the authors drop nothing between its two dense
    layers, where this one does.

    Further fields: see `ConvNetwork`.

    Attributes:
      widths: channels of each residual block; the transformer is as wide as the last.
      pools: strides (time, bins) of each block.
      dropout: share dropped before the logits.
      layers: of the transformer.
      heads: of its attention; they divide the width.
      hidden: units of the first dense layer of each of its layers.
      encoder_dropout: share dropped of what its layers add.
      attention_dropout: share of its attention weights dropped.
    """

    registered: ClassVar[str] = "cnn_sa"
    source: ClassVar[str] = "Won et al. 2019, arXiv 1906.04972, as in arXiv 2006.00751"
    residual: ClassVar[bool] = True

    widths: tuple[int, ...] = (128, 128, 256, 256, 256, 256, 256)
    pools: tuple[tuple[int, int], ...] = ((2, 2),) * 3 + ((1, 2),) * 4
    layers: int = 2
    heads: int = 8
    hidden: int = 1024
    encoder_dropout: float = 0.4
    attention_dropout: float = 0.5

    def __post_init__(self):
        self.require_least(layers=1, heads=1, hidden=1)
        super().__post_init__()
        require_heads(self, self.widths[-1], self.heads)

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips.

        Intermediates: "embedding" [batch, width].
        """
        x, lengths = self._convolve(features, lengths, train)
        x = as_sequence(x)
        batch, _, width = x.shape
        drawn = np.random.RandomState(0).uniform(size=width)
        token = jnp.broadcast_to(drawn, (batch, 1, width)).astype(x.dtype)
        with_token = None if lengths is None else 1 + lengths
        x = TransformerEncoder(
            self.layers,
            self.heads,
            self.hidden,
            norm_first=False,
            dropout=self.encoder_dropout,
            attention_dropout=self.attention_dropout,
            epsilon=1e-12,
            dtype=self.dtype,
            name="encoder",
        )(jnp.concatenate([token, x], axis=1), with_token, train=train)
        x = nn.tanh(nn.Dense(width, dtype=self.dtype, name="pooler")(x[:, 0]))
        return self.classify(x, train=train, dropout=self.dropout)
