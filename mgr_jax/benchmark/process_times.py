"""Measures processes: wall time and processor time."""

import resource
import shlex
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence

from mgr_jax.errors import UserError, printable

Times = dict[str, float]


def time_process(command: Sequence[str], environment: Mapping[str, str]) -> Times:
    """Runs a command to its end, without showing its output.

    Args:
      command: the program and its arguments.
      environment: all its environment variables.

    Returns:
      {"seconds", "cpu_seconds"}; the latter includes the processes that it started.

    Raises:
      UserError: it failed.
    """
    before, start = _cpu_seconds(), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds, cpu_seconds = time.perf_counter() - start, _cpu_seconds() - before
    if done.returncode:
        told = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise UserError(
            f"a process to be timed failed ({printable(told)}): {shlex.join(command)[-200:]}",
            code="benchmark.process_failed",
        )
    return {"seconds": seconds, "cpu_seconds": cpu_seconds}


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def median(times: Sequence[Times], name: str) -> float:
    """Median of one kind of time."""
    return statistics.median(taken[name] for taken in times)
