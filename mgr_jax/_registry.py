"""Finds a class by its name and builds it. A misspelt name gets a helpful answer."""

import ast
import dataclasses
import functools
import importlib
import importlib.resources
import numbers
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, Union, get_args, get_origin

from mgr_jax.errors import UserError, unknown_name

T = TypeVar("T")

# What a value of an annotated field may be; bool is an int to Python, but not to a reader.
_KINDS = {int: numbers.Integral, float: numbers.Real, str: str, tuple: Sequence}


class Registry(Mapping[str, type[T]]):
    """The classes of a package by name. A class is imported when it is asked for.

    A class states its name in its body: `registered: ClassVar[str] = "mlp"`. The name is read from
    the source text. So there is no list to maintain, and using one network does not import all of
    them.
    """

    def __init__(self, package: str) -> None:
        """Takes the full name of the package; nothing is read yet."""
        self._package = package

    @functools.cached_property
    def places(self) -> dict[str, tuple[str, str]]:
        """The module and the class of each name, in the order of the names.

        Raises:
          ValueError: two modules register one name.
        """
        places: dict[str, tuple[str, str]] = {}
        for file in importlib.resources.files(self._package).iterdir():
            module, dot, suffix = file.name.rpartition(".")
            if dot + suffix != ".py":
                continue
            for name, found in _registered(ast.parse(file.read_text(encoding="utf-8"))):
                if name in places:
                    raise ValueError(f"{places[name]} and {module} both register {name}")
                places[name] = f"{self._package}.{module}", found
        return dict(sorted(places.items()))

    def __getitem__(self, name: str) -> type[T]:
        module, found = self.places[name]
        return getattr(importlib.import_module(module), found)

    def __contains__(self, name: object) -> bool:
        return name in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


def _registered(module: ast.Module) -> Iterator[tuple[str, str]]:
    """The names that classes of a module are registered under, with those of the classes."""
    for body in module.body:
        if not isinstance(body, ast.ClassDef):
            continue
        for line in body.body:
            match line:
                case ast.AnnAssign(target=ast.Name("registered"), value=ast.Constant(str(name))):
                    yield name, body.name


def build(kind: str, registry: Mapping[str, type[T]], name: str, kwargs: Mapping[str, Any]) -> T:
    """Instantiates the Flax module `registry[name]` with these fields.

    Args:
      kind: the kind of thing, for messages, such as "model".
      registry: classes by name.
      name: of the class.
      kwargs: values of its fields by name.

    Returns:
      The module.

    Raises:
      UserError: the name is not registered, the module has no such field, or a value has the wrong
        type.
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
    check_arguments(kind, name, fields, kwargs)
    return module(**kwargs)


def check_arguments(
    kind: str, name: str, fields: Mapping[str, Any], kwargs: Mapping[str, Any]
) -> None:
    """Checks the arguments that become the fields of a thing.

    Args:
      kind: the kind of thing, such as "front end".
      name: its name, such as "log_mel".
      fields: the types of its fields by name.
      kwargs: the values by name.

    Raises:
      UserError: there is no such field, or a value has the wrong type.
    """
    for key, value in kwargs.items():
        if key not in fields:
            raise unknown_name(f"argument of the {kind} {name}", key, fields)
        if not fits(value, fields[key]):
            expected = getattr(fields[key], "__name__", str(fields[key]))
            example = ", as in (4, 2)" if expected == "tuple" else ""
            raise UserError(
                f"{name}: {key} is {value!r}; expected {expected}{example}",
                code="argument.wrong_type",
            )


def fits(value: Any, annotation: Any) -> bool:
    """Whether a value has an annotated type. Types that are not simple are not checked."""
    origin = get_origin(annotation) or annotation
    if origin in (Union, types.UnionType):
        return any(fits(value, part) for part in get_args(annotation))
    if origin in (bool, types.NoneType):
        return isinstance(value, origin)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping)
    if origin not in _KINDS:
        return True
    no_text = origin is str or not isinstance(value, str)
    return isinstance(value, _KINDS[origin]) and not isinstance(value, bool) and no_text
