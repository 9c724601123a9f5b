"""Building a module by its name, with helpful answers to misspelt ones."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from mgr_jax.errors import unknown_name

T = TypeVar("T")


def build(kind: str, registry: Mapping[str, type[T]], name: str, kwargs: Mapping[str, Any]) -> T:
    """Instantiates the Flax module `registry[name]` with these fields.

    Raises:
      UserError: the name is not registered, or the module has no such field.
    """
    if name not in registry:
        raise unknown_name(kind, name, registry)
    module = registry[name]
    # Every Flax module also has these two, which belong to Flax.
    fields = {field.name for field in dataclasses.fields(module)} - {"name", "parent"}  # type: ignore[arg-type]
    for key in kwargs:
        if key not in fields:
            raise unknown_name(f"argument of the {kind} {name}", key, fields)
    return module(**kwargs)
