"""Training steps that take turns, whoever makes them."""

import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mgr_jax.benchmark.timing import interleave

Steps = Callable[[int], float]  # makes so many steps, waits for them, returns the last one's loss


def start_steps(
    makers: Mapping[str, Callable[[], Steps]], report: dict[str, Any]
) -> dict[str, Steps]:
    """Functions that have made their first step; those that fail are told in the report.

    Args:
      makers: by name; each makes such a function.
      report: gets "first_call_seconds", with compilation, "first_loss" and "failures" by name.
    """
    for name in ("first_call_seconds", "first_loss", "failures"):
        report.setdefault(name, {})
    functions = {}
    for name, make in makers.items():
        start = time.perf_counter()
        try:
            function = make()
            loss = function(1)
        except Exception as error:  # whatever a compiler or a driver may raise
            report["failures"][name] = f"{type(error).__name__}: {first_line(error)}"
            continue
        report["first_call_seconds"][name] = time.perf_counter() - start
        if math.isfinite(loss):
            functions[name] = function
            report["first_loss"][name] = loss
        else:
            report["failures"][name] = f"the loss is {loss}"
    return functions


def time_steps(
    functions: Mapping[str, Steps], *, rounds: int, steps: int, progress: bool = False
) -> dict[str, list[float]]:
    """Seconds of a step in every round, by name; a turn is so many steps, after an untimed one.

    The first step of a turn may have to wait for memory: that of the turn before went back to the
    system, which may have taken it away meanwhile.
    """
    calls = {name: partial(function, steps) for name, function in functions.items()}
    one = {name: partial(function, 1) for name, function in functions.items()}
    times = interleave(calls, rounds, first=one, progress=progress)
    return {name: [seconds / steps for seconds in each] for name, each in times.items()}


def first_line(error: Exception) -> str:
    """The first line of what an error says."""
    return next(iter(str(error).strip().splitlines()), "")
