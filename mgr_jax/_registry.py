"""Building a module by its name, with helpful answers to misspelt ones."""

import dataclasses
import numbers
import types
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, Union, get_args, get_origin

from mgr_jax.errors import UserError, unknown_name

T = TypeVar("T")

# What a value of an annotated field may be; bool is an int to Python, but not to a reader.
_KINDS = {int: numbers.Integral, float: numbers.Real, str: str, tuple: Sequence}


def build(kind: str, registry: Mapping[str, type[T]], name: str, kwargs: Mapping[str, Any]) -> T:
    """Instantiates the Flax module `registry[name]` with these fields.

    Raises:
      UserError: the name is not registered, the module has no such field, or a value is of another
        type than the field.
    """
    if name not in registry:
        raise unknown_name(kind, name, registry)
    module = registry[name]
    # Every Flax module also has these two, which belong to Flax.
    fields = {
        field.name: field.type
        for field in dataclasses.fields(module)  # type: ignore[arg-type]
        if field.name not in ("name", "parent")
    }
    for key, value in kwargs.items():
        if key not in fields:
            raise unknown_name(f"argument of the {kind} {name}", key, fields)
        if not _fits(value, fields[key]):
            expected = getattr(fields[key], "__name__", str(fields[key]))
            example = ", as in (4, 2)" if expected == "tuple" else ""
            raise UserError(f"{name}: {key} is {value!r}; expected {expected}{example}")
    return module(**kwargs)


def _fits(value: Any, annotation: Any) -> bool:
    """Whether a value is of an annotated type; types that are not simple are not checked."""
    origin = get_origin(annotation) or annotation
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in get_args(annotation))
    if origin in (bool, types.NoneType):
        return isinstance(value, origin)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping)
    if origin not in _KINDS:
        return True
    no_text = origin is str or not isinstance(value, str)
    return isinstance(value, _KINDS[origin]) and not isinstance(value, bool) and no_text
