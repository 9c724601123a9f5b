"""Measures a command in its own process: time, processor time and memory."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from mgr_jax.errors import UserError

_LOOK_EVERY = 0.1  # seconds between two readings of the memory
_MEGABYTE = 1e6


def run_module(
    module: str, *arguments: object, environment: Mapping[str, str] | None = None
) -> subprocess.Popen:
    """Starts `python -m module …` with this project on its path.

    Args:
      module: name of the module.
      *arguments: its arguments.
      environment: variables that differ from those of this process.

    Returns:
      The process.
    """
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", module, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": paths} | dict(environment or {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def measure(
    module: str, *arguments: object, environment: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Runs a module in a fresh process, and measures it.

    Args:
      module: a module of this project.
      *arguments: its arguments.
      environment: variables that differ from those of this process.

    Returns:
      "seconds", "cpu_seconds" (of the process and those that it started), and "megabytes", the
      largest sampled sum of their own memory (without mapped files).

    Raises:
      UserError: it fails.
    """
    start, used = time.perf_counter(), _cpu_seconds()
    process = run_module(module, *arguments, environment=environment)
    most = 0.0
    while process.poll() is None:
        most = max(most, _own_memory(process.pid))
        time.sleep(_LOOK_EVERY)
    seconds, used = time.perf_counter() - start, _cpu_seconds() - used
    require_success(process)
    return {"seconds": seconds, "cpu_seconds": used, "megabytes": most / _MEGABYTE}


def require_success(process: subprocess.Popen) -> None:
    """Waits for a process of `run_module`.

    Raises:
      UserError: it failed.
    """
    _, told = process.communicate()
    if process.returncode:
        reason = told.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        raise UserError(f"a measured process failed: {reason[0]}", code="benchmark.failed")


def _cpu_seconds() -> float:
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


def _own_memory(pid: int) -> float:
    """Bytes of memory that a process and its descendants hold for themselves."""
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.Error:  # it has just ended
        return 0.0
    return sum(map(_anonymous, family))


def _anonymous(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status")
    try:
        if status.exists():
            lines = dict(
                line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines()
            )
            return 1024.0 * int(lines.get("RssAnon", "0 kB").split()[0])
        return float(process.memory_info().rss)  # if the system reports no more
    except (OSError, psutil.Error):
        return 0.0
