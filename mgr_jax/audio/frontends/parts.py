"""The base class of the parts of a front end: settings with a valid range."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple, Self

from flax.core import FrozenDict

from mgr_jax.errors import require


class Range(NamedTuple):
    """The valid values of a setting.

    Attributes:
      holds: whether a value of the right type is valid.
      expected: the end of a sentence that describes the valid values.
    """

    holds: Callable[[Any], bool]
    expected: str


def one_of(*choices: Any) -> Range:
    """The range of a setting that takes one of a few values."""
    return Range(lambda value: value in choices, f"use one of {', '.join(map(repr, choices))}")


FINITE = Range(lambda value: value is None or math.isfinite(value), "it must be finite")
_MOST = 2**20  # of bins, or samples of a frame: more is a slip, which takes all memory
Count = Annotated[int, Range(lambda value: 0 < value <= _MOST, f"use a number from 1 to {_MOST}")]
Size = Annotated[float, Range(lambda value: 0 < value < math.inf, "it must be positive and finite")]
# Roots have no finite slope in silence.
Exponent = Annotated[float, Range(lambda value: 1 <= value < math.inf, "use a finite one from 1")]
Norm = Annotated[float | None, one_of(1, 2, math.inf, None)]


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a front end; its fields, and those of the parts in it, are its settings."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            for holds, expected in getattr(field.type, "__metadata__", ()):
                require(holds(value), field.name, value, expected)

    def settings(self) -> Iterator[tuple[str, Any]]:
        """Name and type of each."""
        for field in dataclasses.fields(self):
            kind: Any = field.type
            if isinstance(value := getattr(self, field.name), Part):
                yield from value.settings()
            else:
                yield field.name, kind.__origin__ if hasattr(kind, "__metadata__") else kind

    def with_settings(self, settings: Mapping[str, Any]) -> Self:
        """The part with other values of those of its settings that are named."""
        changed = {}
        for field in dataclasses.fields(self):
            if isinstance(value := getattr(self, field.name), Part):
                changed[field.name] = value.with_settings(settings)
            elif field.name in settings:
                changed[field.name] = freeze(settings[field.name])
        return dataclasses.replace(self, **changed)


def freeze(value: Any) -> Any:
    """A value of a config as one that can be compared and hashed: tuples for lists."""
    if isinstance(value, list | tuple):
        return tuple(map(freeze, value))
    return FrozenDict(value) if isinstance(value, Mapping) else value
