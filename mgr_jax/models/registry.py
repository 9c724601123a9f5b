"""Models by name."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from mgr_jax._registry import Registry, build
from mgr_jax.errors import UserError, unknown_name
from mgr_jax.models.network import Network

MODELS: Registry[Network] = Registry("mgr_jax.models")
ALIASES = {"cnn": "choi_k2c2", "crnn": "choi_crnn"}


def create_model(
    name: str,
    *,
    num_classes: int,
    axis_name: str | None = None,
    dtype: Any = jnp.float32,
    **kwargs: Any,
) -> Network:
    """A model: a Flax module from features to (logits [batch, num_classes], intermediates).

    The intermediates are a dict of named arrays; one of them is "embedding" [batch, dim]. Call the
    module as `model.apply(variables, features, train=False)`; training needs a "dropout" key. See
    `Network` for clips that are shorter than their array.

    Args:
      name: one of `list_models()` or `ALIASES`.
      num_classes: number of logits; 0 leaves out the last layer, for the embedding alone.
      axis_name: mapped axis over which batch statistics are averaged, if any.
      dtype: of the computation; parameters and logits are float32.
      **kwargs: fields of the module that differ from their defaults. "fusion" and "taught" have a
        field `encoder`, a dict {"name", "kwargs"}; its default is choi_crnn.

    Raises:
      UserError: there is no such model, or it has no such field.
    """
    if name not in MODELS and name not in ALIASES:
        raise unknown_name("model", name, [*MODELS, *ALIASES])
    shared = {"axis_name": axis_name, "dtype": dtype}
    if MODELS[ALIASES.get(name, name)].with_encoder:
        part = kwargs.get("encoder", {"name": "choi_crnn"})
        kwargs["encoder"] = _encoder(name, part, kwargs.get("encoder_classes", 0), shared)
    fields = {"num_classes": num_classes, **shared, **kwargs}
    return build("model", MODELS, ALIASES.get(name, name), fields)


def _encoder(whole: str, part: Any, num_classes: int, shared: Mapping[str, Any]) -> Network:
    """The network for the field `encoder`, from a dict of name and kwargs."""
    kwargs = part.get("kwargs", {}) if isinstance(part, Mapping) else None
    if not isinstance(kwargs, Mapping) or not {"name"} <= set(part) <= {"name", "kwargs"}:
        raise UserError(
            f"{whole}: encoder is {part!r}; expected {{'name': 'choi_crnn', 'kwargs': {{…}}}}",
            code="model.encoder",
        )
    if part["name"] in MODELS and MODELS[part["name"]].with_encoder:
        raise UserError(
            f"{part['name']} cannot be the encoder of a {whole}; name a network of sound",
            code="model.encoder",
        )
    for field in ("num_classes", *shared):
        if field in kwargs:
            raise UserError(
                f"{whole}: the encoder's {field} is that of the whole; remove it",
                code="model.encoder",
            )
    return create_model(part["name"], num_classes=num_classes, **shared, **kwargs)


def list_models() -> list[str]:
    """The names for `create_model`, without aliases."""
    return sorted(MODELS)
