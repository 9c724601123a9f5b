"""Audio spectrogram transformer: Gong et al. 2021 (arXiv 2104.01778)."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.errors import UserError
from mgr_jax.models.convolution import Conv
from mgr_jax.models.masking import Lengths, convolve
from mgr_jax.models.network import Network, Output, as_image
from mgr_jax.models.transformer import TransformerEncoder, require_heads


class AST(Network):
    """A transformer over overlapping patches of a mel spectrogram, in a small form.

    The paper gives the patches of 16 frames x 16 bins every 10, the learned positions, the class
    token, the norm before attention, and the input of 128 mel bins in frames of 25 ms every 10 ms.
    The paper's network is DeiT's base model with ImageNet's weights: 12 layers of width 768, two
    tokens, some 87 million parameters. This one is small enough to train from scratch: 6 layers of
    width 192 with 3 heads, one token, and dropout (our choice). On 5 s, which is [501 frames, 128
    bins]:

        patches                       → 49 x 12 x 192
        positions, class token        → 589 x 192
        6 layers, norm                → 589 x 192, of which the token is the embedding

    2,841,650 parameters with 50 classes. The table of positions has an entry for every patch, so
    all clips must be as long as those that the model was initialised with.

    Further fields: see `Network`.

    Attributes:
      patch: (frames, bins) of a patch.
      stride: (frames, bins) from one patch to the next.
      width: of the embedding of each patch.
      layers: of the transformer.
      heads: of the attention; they divide the width.
      hidden: units of the dense layers between.
      dropout: share dropped of the patches and of what each layer adds.
    """

    registered: ClassVar[str] = "ast"
    source: ClassVar[str] = "Gong et al. 2021, arXiv 2104.01778"

    patch: tuple[int, int] = (16, 16)
    stride: tuple[int, int] = (10, 10)
    width: int = 192
    layers: int = 6
    heads: int = 3
    hidden: int = 768
    dropout: float = 0.1

    def __post_init__(self):
        self.require_least(width=1, layers=1, heads=1, hidden=1)
        require_heads(self, self.width, self.heads)
        self.require_sizes("patch", 2)
        self.require_sizes("stride", 2)
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips.

        Intermediates: "embedding" [batch, width].

        Raises:
          UserError: the clips are smaller than a patch, or have another number of patches than
            those that the model was initialised with.
        """
        self.require_size(features, frames=self.patch[0], bins=self.patch[1])
        patches = Conv(
            self.width,
            self.patch,
            strides=self.stride,
            padding="VALID",
            dtype=self.dtype,
            name="patches",
        )
        x, lengths = convolve(patches, as_image(features), lengths)
        if lengths is not None:
            lengths = 1 + lengths * x.shape[2]  # the token, and all patches of a time together
        x = (x + self._positions(x.shape[1:]).astype(self.dtype)).reshape(len(x), -1, self.width)
        # The token needs no position: it would be one more constant added to a constant.
        token = self.param("class_token", nn.initializers.normal(0.02), (self.width,))
        token = jnp.broadcast_to(token.astype(self.dtype), (len(x), 1, self.width))
        x = jnp.concatenate([token, x], axis=1)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = TransformerEncoder(
            self.layers,
            self.heads,
            self.hidden,
            dropout=self.dropout,
            dtype=self.dtype,
            name="encoder",
        )(x, lengths, train=train)
        return self.classify(x[:, 0], train=train)

    def _positions(self, shape: tuple[int, ...]) -> jax.Array:
        """The learned [patches along time, patches along bins, width]."""
        if self.has_variable("params", "positions"):
            known: tuple[int, ...] = self.get_variable("params", "positions").shape
            if known != shape:
                raise UserError(
                    f"{self.registered} got clips of {shape[0]} x {shape[1]} patches, but its "
                    f"positions are for {known[0]} x {known[1]}; use clips as long as those it was "
                    "trained on",
                    code="model.positions",
                )
        return self.param("positions", nn.initializers.normal(0.02), shape)
