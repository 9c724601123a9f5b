"""A frozen network with a small trained head: its embedding, standardised, then genres."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.errors import UserError
from mgr_jax.models.masking import Lengths
from mgr_jax.models.network import Network, Output

HEADS = ("linear", "mlp", "knn")
FLOOR = 1e-4  # of untrained outputs, below which they say nothing


class Taught(Network):
    """An encoder and a head that was trained on its embedding from a few songs; see `teach`.

    The embedding is standardised, `(x - mean) / scale`. The head turns it into probabilities:

        linear   a dense layer
        mlp      dense, ReLU, dense
        knn      votes of the nearest taught songs, by cosine similarity

    If the encoder has classes of its own that correspond to some of the genres, these untrained
    outputs are mixed in. For each genre, the most probable class that is mapped to it is raised to
    a power and divided by the sum over the genres. The logits are the logarithms of the mixture, so
    their softmax is the mixture.

    Mean, scale, songs, mapping, power and weight are not parameters. They are stored among the
    batch statistics, which gradients do not change.

    Attributes:
      encoder: a network; for `create_model` a dict {"name", "kwargs"}.
      encoder_classes: number of its own logits; 0: it has none.
      encoder_task: what these are, "single_label" (softmax) or "multi_label" (sigmoid).
      head: "linear", "mlp" or "knn".
      units: of the hidden layer of an mlp.
      songs: of knn, how many there are.
      neighbours: of knn, how many of them vote.
      mapped: whether untrained outputs are mixed in.
    """

    registered: ClassVar[str] = "taught"
    source: ClassVar[str] = "ours"
    with_encoder: ClassVar[bool] = True

    encoder: Network
    encoder_classes: int = 0
    encoder_task: str = "multi_label"
    head: str = "linear"
    units: int = 64
    songs: int = 1
    neighbours: int = 1
    mapped: bool = False

    def __post_init__(self):
        self.require_choice("head", HEADS)
        self.require_choice("encoder_task", ("single_label", "multi_label"))
        self.require_least(encoder_classes=0, units=1, songs=1, neighbours=1)
        if self.neighbours > self.songs:
            raise UserError(
                f"taught: neighbours is {self.neighbours}, more than the {self.songs} songs; use "
                f"{self.songs} or fewer",
                code="model.out_of_range",
            )
        if self.mapped and not self.encoder_classes:
            raise UserError(
                "taught: mapped needs an encoder with classes of its own (encoder_classes)",
                code="model.out_of_range",
            )
        super().__post_init__()

    @property
    def masks_filling(self) -> bool:
        """See `Network`: whether the encoder does."""
        return self.encoder.masks_filling

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips.

        Args:
          features: as the encoder takes them.
          train: use and update batch statistics of the encoder, and drop out there.
          lengths: as the encoder takes them.

        Returns:
          Logits [batch, num_classes] float32, and the encoder's "embedding" [batch, dim].

        Raises:
          UserError: the encoder cannot take the features.
        """
        told = {} if lengths is None else {"lengths": lengths}
        try:
            outputs, found = self.encoder(features, train=train, **told)
        except UserError as error:
            raise UserError(f"{self.registered}: {error}", code=error.code) from error
        embedding = found["embedding"].astype(jnp.float32)
        if not self.num_classes:
            return jnp.zeros((len(embedding), 0)), {"embedding": embedding}
        dim = embedding.shape[-1]
        x = (embedding - self._kept("mean", dim)) / self._kept("scale", dim, fill=1.0)
        logits = self._vote(x) if self.head == "knn" else self._dense(x)
        if self.mapped:
            weight, power = self._kept("weight"), self._kept("power", fill=1.0)
            mapping = self._kept("mapping", self.encoder_classes, self.num_classes)
            own = jax.nn.sigmoid if self.encoder_task == "multi_label" else jax.nn.softmax
            untrained = (own(outputs.astype(jnp.float32))[..., None] * mapping).max(axis=-2)
            untrained = jnp.maximum(untrained, FLOOR) ** power
            untrained /= untrained.sum(axis=-1, keepdims=True)
            mixed = (1 - weight) * jax.nn.softmax(logits) + weight * untrained
            logits = jnp.log(jnp.maximum(mixed, jnp.finfo(jnp.float32).tiny))
        return logits, {"embedding": embedding}

    def _dense(self, x: jax.Array) -> jax.Array:
        if self.head == "mlp":
            x = nn.relu(nn.Dense(self.units, name="hidden")(x))
        return nn.Dense(self.num_classes, name="head")(x)

    def _vote(self, x: jax.Array) -> jax.Array:
        """Logarithms of the share of votes; one vote more is spread over all classes."""
        songs = self._kept("songs_kept", self.songs, x.shape[-1])  # of unit length
        classes = self._kept("songs_classes", self.songs, self.num_classes)  # 1 of each row
        length = jnp.linalg.norm(x, axis=-1, keepdims=True)
        alike = (x / jnp.maximum(length, jnp.finfo(jnp.float32).tiny)) @ songs.T
        _, nearest = jax.lax.top_k(alike, self.neighbours)
        votes = classes[nearest].sum(axis=-2) + 1 / self.num_classes
        return jnp.log(votes / (self.neighbours + 1))

    def _kept(self, name: str, *shape: int, fill: float = 0.0) -> Any:
        """An array that teaching writes."""
        return self.variable("batch_stats", name, jnp.full, shape, fill, jnp.float32).value
