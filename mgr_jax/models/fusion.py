"""A network for sound together with other data on a track: a table row, its artist, its album."""

from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.errors import UserError
from mgr_jax.models.masking import Lengths
from mgr_jax.models.network import ConvNetwork, Network, Output
from mgr_jax.side_inputs import SOUND_ALONE, UNSEEN, SideFormat


class Fusion(ConvNetwork):
    """Any network as an encoder, joined with a table row and categories before the dense layers.

    Hand-made features and metadata of FMA are commonly joined to a CNN or CRNN in this form. Layers
    and widths are our choice:

        the encoder's embedding, without its last layer   → dim
        table row, standardised: dense, ReLU              → table_units
        each category, such as artist or album: embedding → category_units
        side by side; dense, batch norm, ReLU, dropout    → units

    The first row of each embedding stands for unknown values, which no training track has. To train
    this row too, a share of the training examples gets it in place of their own values, in all
    categories at once, like a new artist; this is our choice as well. The logits come from the last
    dense layer, `classify`. Other intermediates of the encoder are passed on.

    Further fields: see `ConvNetwork`.

    Attributes:
      encoder: a network without logits; for `create_model` a dict {"name", "kwargs"}.
      side: what comes beside the features; the data say it.
      table_units: units of the layer on the table row.
      category_units: size of the embedding of each category.
      units: sizes of the dense layers on all together.
      dropout: share dropped after each of these.
      category_dropout: share of the training examples whose categories become unseen.
    """

    registered: ClassVar[str] = "fusion"
    source: ClassVar[str] = "ours"
    with_encoder: ClassVar[bool] = True
    with_side: ClassVar[bool] = True

    encoder: Network
    side: SideFormat = SOUND_ALONE
    table_units: int = 64
    category_units: int = 16
    units: tuple[int, ...] = (128,)
    dropout: float = 0.3
    category_dropout: float = 0.1

    def __post_init__(self):
        self.require_least(table_units=1, category_units=1)
        self.require_sizes("units")
        super().__post_init__()

    @property
    def masks_filling(self) -> bool:
        """See `Network`: whether the encoder does."""
        return self.encoder.masks_filling

    @nn.compact
    def __call__(
        self,
        features: jax.Array,
        side: Mapping[str, jax.Array] | None = None,
        *,
        train: bool,
        lengths: Lengths = None,
    ) -> Output:
        """Classifies clips with what is known of their tracks.

        Args:
          features: as the encoder takes them.
          side: "table" [batch, columns] float32, standardised over the training tracks, and
            "categories" [batch, categories] int32 in the order of `side.categories`, 0 for unseen.
            What is missing is as in `SideFormat.blank`; other names are not looked at.
          train: use and update batch statistics, and drop out by the "dropout" key.
          lengths: as the encoder takes them.

        Returns:
          Logits [batch, num_classes] float32 and intermediates: those of the encoder, and
          "embedding" [batch, units[-1]].

        Raises:
          UserError: the encoder cannot take the features.
        """
        told = {} if lengths is None else {"lengths": lengths}
        try:
            _, intermediates = self.encoder(features, train=train, **told)
        except UserError as error:
            raise UserError(f"{self.registered}: {error}", code=error.code) from error
        known = self.side.blank(len(features)) | dict(side or {})
        parts = [intermediates.pop("embedding")]
        if self.side.columns:
            table = nn.Dense(self.table_units, dtype=self.dtype, name="table")(known["table"])
            parts.append(nn.relu(table))
        if self.side.categories:
            categories = self._forget(jnp.asarray(known["categories"]), train)
        for number, (_, size) in enumerate(self.side.categories):
            name = f"category{number + 1}"
            embed = nn.Embed(1 + size, self.category_units, dtype=self.dtype, name=name)
            parts.append(embed(categories[:, number]))
        x = jnp.concatenate(parts, axis=-1)
        for layer, size in enumerate(self.units, start=1):
            if layer > 1:
                x = nn.Dropout(self.dropout, deterministic=not train)(x)
            x = self.dense_block(x, size, f"dense{layer}", train=train)
        return self.classify(x, train=train, dropout=self.dropout, **intermediates)

    def _forget(self, categories: jax.Array, train: bool) -> jax.Array:
        """Makes the categories of some training examples unseen."""
        known = jnp.ones((len(categories), 1))
        known = nn.Dropout(self.category_dropout, deterministic=not train)(known)
        return jnp.where(known > 0, categories, UNSEEN)
