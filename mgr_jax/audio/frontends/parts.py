"""What a part of a front end is: settings that know their range."""

import dataclasses
import math
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from mgr_jax.audio.dsp.ranges import require


class Range(NamedTuple):
    """What the value of a setting must be.

    Attributes:
      holds: whether a value of the right type is in range.
      expected: the end of a sentence that says so.
    """

    holds: Callable[[Any], bool]
    expected: str


def one_of(*choices: Any) -> Range:
    """The range of a setting that is one of a few."""
    return Range(lambda value: value in choices, f"use one of {', '.join(map(repr, choices))}")


Count = Annotated[int, Range(lambda value: value > 0, "it must be positive")]
Size = Annotated[float, Range(lambda value: value > 0, "it must be positive")]
# Roots have no finite slope in silence.
Exponent = Annotated[float, Range(lambda value: value >= 1, "use 1 or more")]
Norm = Annotated[float | None, one_of(1, 2, math.inf, None)]


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a front end; its fields, and those of the parts in it, are its settings."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            for holds, expected in getattr(field.type, "__metadata__", ()):
                require(holds(value), field.name, value, expected)
