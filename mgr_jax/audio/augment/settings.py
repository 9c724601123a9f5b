"""Units and bounds of settings: the signatures of the transforms carry them as types."""

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from mgr_jax.errors import UserError, unknown_name


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Smallest and largest value of a number."""

    low: float
    high: float = math.inf


Alpha = Annotated[float, Bounds(0.01, 100.0)]
Count = Annotated[int, Bounds(1)]
Decibels = Annotated[float, Bounds(-120.0, 120.0)]
Hertz = Annotated[float, Bounds(1.0)]  # and at most half the sample rate
Order = Annotated[int, Bounds(1, 16)]
Rate = Annotated[float, Bounds(0.25, 4.0)]
Seconds = Annotated[float, Bounds(0.01, 10.0)]
Share = Annotated[float, Bounds(0.0, 1.0)]


def check_settings(
    where: str, function: Callable, given: Mapping[str, Any], *, sample_rate: float
) -> dict[str, Any]:
    """The settings of a transform, with defaults for those that are not given.

    Args:
      where: names the transform in errors.
      function: the transform; its settings are its keyword-only arguments but `sample_rate` and
        `length`, which are given to it.
      given: settings by name, with or without "p", the share of examples to transform.
      sample_rate: in Hz.

    Raises:
      UserError: an unknown setting, a wrong type, a value out of range, or a minimum above its
        maximum.
    """
    known: dict[str, tuple[Any, Any]] = {"p": (Share, 1.0)} | {
        name: (parameter.annotation, parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in ("sample_rate", "length")
    }
    for name in given:
        if name not in known:
            raise unknown_name(f"setting of {where}", name, known)
    settings = {name: given.get(name, default) for name, (_, default) in known.items()}
    for name, value in settings.items():
        _check(where, name, value, known[name][0], sample_rate)
    for name, value in settings.items():
        largest = f"max_{name.removeprefix('min_')}"
        if name.startswith("min_") and value > settings[largest]:
            raise UserError(
                f"{where} has {name}={value} above {largest}={settings[largest]}; exchange them",
                code="augment.minimum_above_maximum",
            )
    return settings


def _check(where: str, name: str, value: Any, kind: Any, sample_rate: float) -> None:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise unknown_name(f"{name} of {where}", str(value), get_args(kind))
        return
    number, bounds = get_args(kind)
    high = sample_rate / 2 if kind is Hertz else bounds.high
    wanted = int if number is int else (int, float)
    right_type = isinstance(value, wanted) and not isinstance(value, bool)
    if not (right_type and math.isfinite(value) and bounds.low <= value <= high):
        form = "a whole number" if number is int else "a number"
        extent = f"from {bounds.low:g}" + ("" if high == math.inf else f" to {high:g}")
        raise UserError(
            f"{where} has {name}={value!r}; it must be {form} {extent}",
            code="augment.out_of_range",
        )
