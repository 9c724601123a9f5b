"""The transformer encoder (Vaswani et al., arXiv 1706.03762)."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.errors import UserError
from mgr_jax.models.masking import Lengths, frame_mask
from mgr_jax.models.network import Network


def require_heads(network: Network, width: int, heads: int) -> None:
    """Checks that heads divide the width.

    Args:
      network: for the message.
      width: of the attention.
      heads: of the attention.

    Raises:
      UserError: they do not.
    """
    if width % heads:
        raise UserError(
            f"{network.registered}: {heads} heads do not divide the width of {width}; choose a "
            "number that does",
            code="model.heads",
        )


class TransformerLayer(nn.Module):
    """Self-attention and two dense layers, each with layer norm and a shortcut.

    Attributes:
      heads: of the attention; they divide the width.
      hidden: units of the first dense layer.
      norm_first: norm before attention and dense layers, as in ViT, or after the sum, as in BERT.
      dropout: share dropped of what is added to the shortcut.
      attention_dropout: share of the attention weights dropped.
      epsilon: of layer norm: added to the variance.
      dtype: of the computation; parameters are float32.
    """

    heads: int
    hidden: int
    norm_first: bool = True
    dropout: float = 0.0
    attention_dropout: float = 0.0
    epsilon: float = 1e-5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, lengths: Lengths = None, *, train: bool) -> jax.Array:
        """Maps [batch, steps, width] to the same shape; steps beyond a length are not seen."""
        width = x.shape[-1]
        # [batch, heads, queries, keys]
        seen = None if lengths is None else frame_mask(x, lengths).swapaxes(1, 2)[:, None]

        def mean_of_values(
            query: jax.Array,
            key: jax.Array,
            value: jax.Array,
            mask: jax.Array | None = None,
            **_: Any,
        ) -> jax.Array:
            # As Flax's own, but for the dropout, which that draws for the batch as a whole.
            weights = nn.dot_product_attention_weights(query, key, mask=mask, dtype=self.dtype)
            weights = nn.Dropout(self.attention_dropout, deterministic=not train)(weights)
            return jnp.einsum("...hqk,...khd->...qhd", weights, value)

        def attend(x: jax.Array) -> jax.Array:
            return nn.MultiHeadDotProductAttention(
                self.heads, dtype=self.dtype, attention_fn=mean_of_values, name="attention"
            )(x, mask=seen)

        def transform(x: jax.Array) -> jax.Array:
            x = nn.Dense(self.hidden, dtype=self.dtype, name="dense1")(x)
            x = nn.gelu(x, approximate=False)
            # The shares dropped inside are PyTorch's, which drops here too.
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
            return nn.Dense(width, dtype=self.dtype, name="dense2")(x)

        for name, layer in (("attention_norm", attend), ("dense_norm", transform)):
            norm = nn.LayerNorm(epsilon=self.epsilon, dtype=self.dtype, name=name)
            added = layer(norm(x)) if self.norm_first else layer(x)
            x = x + nn.Dropout(self.dropout, deterministic=not train)(added)
            x = x if self.norm_first else norm(x)
        return x


class TransformerEncoder(nn.Module):
    """Several layers. If the norm comes first in each layer, one more norm follows at the end.

    Attributes:
      layers: number of layers.
      heads: see `TransformerLayer`, as for all fields below.
      hidden: units of the first dense layer of each.
      norm_first: as in ViT, or as in BERT.
      dropout: share dropped of what is added to the shortcut.
      attention_dropout: share of the attention weights dropped.
      epsilon: of layer norm.
      dtype: of the computation; parameters are float32.
    """

    layers: int
    heads: int
    hidden: int
    norm_first: bool = True
    dropout: float = 0.0
    attention_dropout: float = 0.0
    epsilon: float = 1e-5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, lengths: Lengths = None, *, train: bool) -> jax.Array:
        """Maps [batch, steps, width] to the same shape; steps beyond a length are not seen."""
        for number in range(1, self.layers + 1):
            x = TransformerLayer(
                self.heads,
                self.hidden,
                norm_first=self.norm_first,
                dropout=self.dropout,
                attention_dropout=self.attention_dropout,
                epsilon=self.epsilon,
                dtype=self.dtype,
                name=f"layer{number}",
            )(x, lengths, train=train)
        if self.norm_first:
            x = nn.LayerNorm(epsilon=self.epsilon, dtype=self.dtype, name="norm")(x)
        return x
