"""The models by name."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from mgr_jax._registry import build
from mgr_jax.errors import unknown_name
from mgr_jax.models.choi import ChoiCRNN
from mgr_jax.models.choi_cnn import ChoiK1C2, ChoiK2C1, ChoiK2C2
from mgr_jax.models.mlp import MLP
from mgr_jax.models.prcnn import PRCNN
from mgr_jax.models.sample_cnn import SampleCNN

MODELS: dict[str, type[nn.Module]] = {
    "choi_crnn": ChoiCRNN,
    "choi_k1c2": ChoiK1C2,
    "choi_k2c1": ChoiK2C1,
    "choi_k2c2": ChoiK2C2,
    "mlp": MLP,
    "prcnn": PRCNN,
    "sample_cnn": SampleCNN,
}

ALIASES = {"cnn": "choi_k2c2", "crnn": "choi_crnn"}


def create_model(
    name: str,
    *,
    num_classes: int,
    axis_name: str | None = None,
    dtype: Any = jnp.float32,
    **kwargs: Any,
) -> nn.Module:
    """A model: a Flax module from features to (logits [batch, num_classes], intermediates).

    The intermediates are a dict of named arrays, "embedding" [batch, dim] among them. The module is
    called as `model.apply(variables, features, train=False)`; training needs a "dropout" key.

    Args:
      name: one of `list_models()` or `ALIASES`.
      num_classes: number of logits.
      axis_name: mapped axis over which batch statistics are averaged, if any.
      dtype: of the computation; parameters and logits are float32.
      **kwargs: fields of the module that differ from their defaults.

    Raises:
      UserError: there is no such model, or it has no such field.
    """
    if name not in MODELS and name not in ALIASES:
        raise unknown_name("model", name, [*MODELS, *ALIASES])
    fields = {"num_classes": num_classes, "axis_name": axis_name, "dtype": dtype, **kwargs}
    return build("model", MODELS, ALIASES.get(name, name), fields)


def list_models() -> list[str]:
    """Names for `create_model`, without aliases."""
    return sorted(MODELS)
