"""Dense network on a table of features."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.errors import UserError


class MLP(nn.Module):
    """Dense layers with ReLU and dropout, on all bins of all frames at once.

    For rows of hand-made features (one frame of as many bins as the table has columns). It has no
    scaling of its own: `config.input_norm=batch` standardises every column by training statistics.

    Attributes:
      num_classes: number of logits.
      units: sizes of the hidden layers.
      dropout: share dropped after each of them.
      axis_name: for all models; this one has no batch statistics.
      dtype: of the computation; parameters and logits are float32.
    """

    num_classes: int
    units: tuple[int, ...] = (256, 128, 64)
    dropout: float = 0.3
    axis_name: str | None = None
    dtype: Any = jnp.float32

    def __post_init__(self):
        if not self.units or min(self.units) < 1:
            raise UserError(f"mlp: units is {self.units}; give the size of one layer or more")
        super().__post_init__()

    @nn.compact
    def __call__(
        self, features: jax.Array, *, train: bool
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Classifies clips.

        Args:
          features: [batch, frames, bins] or [batch, frames, bins, channels].
          train: drop out by the "dropout" key.

        Returns:
          Logits [batch, num_classes] float32 and intermediates: "embedding" [batch, units[-1]].
        """
        x = features.reshape(len(features), -1)
        for layer, size in enumerate(self.units, start=1):
            x = nn.Dense(
                size,
                kernel_init=nn.initializers.he_normal(),
                dtype=self.dtype,
                name=f"dense{layer}",
            )(x)
            x = nn.Dropout(self.dropout, deterministic=not train)(nn.relu(x))
        embedding = x.astype(jnp.float32)
        return nn.Dense(self.num_classes, name="head")(embedding), {"embedding": embedding}
