"""Times training steps of several implementations in turn."""

import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mgr_jax.benchmark.timing import interleave

Steps = Callable[[int], float]  # makes this many steps, waits for them, returns the last loss


def start_steps(
    makers: Mapping[str, Callable[[], Steps]], report: dict[str, Any]
) -> dict[str, Steps]:
    """Makes the step functions, and their first step; failures are put into the report.

    Args:
      makers: by name, a function that makes a step function.
      report: gets "first_call_seconds", with compilation, "first_loss" and "failures" by name.

    Returns:
      Step functions by name.
    """
    for name in ("first_call_seconds", "first_loss", "failures"):
        report.setdefault(name, {})
    functions = {}
    for name, make in makers.items():
        start = time.perf_counter()
        try:
            function = make()
            loss = function(1)
        except Exception as error:  # a compiler or a driver may raise anything
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
    """Times steps in turns; a turn is several steps, after an untimed one.

    The first step of a turn may wait for memory, which the system may have taken back after the
    turn before.

    Args:
      functions: step functions by name.
      rounds: turns of each.
      steps: steps per turn.
      progress: show a bar.

    Returns:
      Seconds of a step in every round, by name.
    """
    calls = {name: partial(function, steps) for name, function in functions.items()}
    one = {name: partial(function, 1) for name, function in functions.items()}
    times = interleave(calls, rounds, first=one, progress=progress)
    return {name: [seconds / steps for seconds in each] for name, each in times.items()}


def first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return next(iter(str(error).strip().splitlines()), "")
