"""Times functions in turn, and describes the machine."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from tqdm import tqdm

from mgr_jax import onednn
from mgr_jax.workers import available_cores

_PAUSE_SECONDS = 0.01


def interleave(
    functions: Mapping[str, Callable[[], Any]],
    rounds: int,
    *,
    first: Mapping[str, Callable[[], Any]] | None = None,
    progress: bool = False,
) -> dict[str, list[float]]:
    """Wall time of functions that take turns, so that all have the same load.

    Each is called twice before, to compile and to warm up.

    Args:
      functions: by name; each returns when its result is computed.
      rounds: turns of each function.
      first: called before each turn, untimed, by name.
      progress: show a progress bar.

    Returns:
      Seconds of every round, by name.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in tqdm(range(-2, rounds), unit="round", disable=None if progress else True):
        for name, function in functions.items():
            time.sleep(_PAUSE_SECONDS)  # until another library's threads stop spinning
            if first:
                first[name]()
            start = time.perf_counter()
            function()
            if turn >= 0:
                times[name].append(time.perf_counter() - start)
    return times


def speed(times: Sequence[float], amount: float) -> dict[str, float]:
    """Amount per second in the median round and in the best one."""
    return {"median": amount / statistics.median(times), "best": amount / min(times)}


def speed_ratio(times: Sequence[float], others: Sequence[float]) -> dict[str, float]:
    """The speed relative to others: the median over rounds, and best round to best round."""
    ratios = [other / own for own, other in zip(times, others, strict=True)]
    return {"median": statistics.median(ratios), "best": min(others) / min(times)}


def conditions(loads: Sequence[float | None]) -> dict[str, Any]:
    """The conditions of a benchmark: the date, the machine, and its load before and after.

    Args:
      loads: `load_average` at the start; the present one is added.
    """
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "load_average": [*loads, load_average()],
    }


def tell_conditions(content: Mapping[str, Any]) -> str:
    """A sentence on the result of `conditions`."""
    made = content["machine"]
    loads = [f"{load:.1f}" for load in content["load_average"] if load is not None]
    versions = ", ".join(
        f"{name} {made['versions'][name]}"
        for name in ("jax", "oneDNN", "torch", "librosa")
        if made["versions"].get(name)
    )
    load = f", load {' to '.join(loads)}" if loads else ""
    tunables = ", huge pages" if "hugetlb" in str(made["environment"].get("GLIBC_TUNABLES")) else ""
    return (
        f"{made['processor']}, {made['cores']} cores, {', '.join(sorted(set(made['devices'])))} "
        f"({versions}{load}{tunables}), {content['date']}."
    )


def load_average() -> float | None:
    """Processes that wanted to run over the last minute; None if the system does not report it."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def machine() -> dict[str, Any]:
    """The facts that a timing depends on: processor, devices, versions and environment."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    devices = jax.local_devices()
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": available_cores(),
        "devices": [f"{device.platform} {device.device_kind}" for device in devices],
        "versions": {"python": platform.python_version()}
        | {name: _version(name) for name in ("jax", "jaxlib", "numpy", "librosa", "torch")}
        | {"oneDNN": onednn.version_in_use() or None},
        "environment": {
            name: os.environ[name]
            for name in ("GLIBC_TUNABLES", "OMP_NUM_THREADS", "XLA_FLAGS")
            if name in os.environ
        },
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def memory_bandwidth(device: jax.Device, *, megabytes: int = 512, rounds: int = 20) -> float:
    """The bytes per second of a device's memory in a triad, a = b + 3 c (McCalpin's STREAM).

    Args:
      device: the device.
      megabytes: size of an array.
      rounds: number of rounds, of which the best counts.
    """
    b, c = (jax.device_put(jnp.full(megabytes * 2**18, x), device) for x in (1.0, 2.0))
    triad = jax.jit(lambda b, c: b + 3.0 * c)
    times = interleave({"triad": lambda: triad(b, c).block_until_ready()}, rounds)
    return 3 * b.nbytes / min(times["triad"])
