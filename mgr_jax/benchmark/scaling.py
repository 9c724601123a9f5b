"""Times what grows: from a thousand clips to thirty thousand, and from one device to several."""

import os
import shutil
import socket
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mgr_jax.benchmark import scaling_jobs
from mgr_jax.benchmark.dispatches import compare_dispatches
from mgr_jax.benchmark.processes import measure, require_success, run_module
from mgr_jax.benchmark.record import Benchmark, Row, compare, format_rows
from mgr_jax.benchmark.timing import conditions, load_average, tell_conditions
from mgr_jax.errors import UserError
from mgr_jax.training.summary import read_metrics

SUITE = "scaling"
JOBS = ("prepare", "train", "predict", "evaluate")
_FEW = 100  # clips, whose cost is that of the start
_PARTS = (30, 10, 3, 1)  # of the largest size
_DEVICES = (1, 2, 4)
_FORCE = "xla_force_host_platform_device_count"

Measured = list[dict[str, float]]  # of each round


def benchmark_scaling(
    *,
    clips: int = 30_000,
    rounds: int = 3,
    progress: bool = True,
) -> Benchmark:
    """Times the cost of a clip, and the memory, for growing numbers of clips of one second.

        report = mgr_jax.benchmark_scaling(clips=6000, rounds=1)
        print(report)

    A dataset is prepared, a tiny network is trained on it for an epoch, predicts all files and is
    evaluated, each in its own process. The cost of the same for 100 clips is subtracted: it is the
    start of Python and jax; programs are compiled before, for each size. Then some steps are
    trained on 1, 2 and 4 devices that a CPU is divided into, and in two processes; and several
    updates in a dispatch are timed beside as many single ones.

    Args:
      clips: the largest size; the others are a thirtieth, a tenth and a third of it.
      rounds: turns of the start and of a third of `clips`, and of updates; the others have one.
      progress: show a bar.

    Returns:
      The numbers, as tables when printed.

    Raises:
      UserError: too few clips, or a measured process fails.
    """
    sizes = [clips // part for part in _PARTS]
    if sizes[0] < 2 * _FEW:
        raise UserError(
            f"of {clips} `clips` a thirtieth is too few to tell what a clip costs; give "
            f"{2 * _FEW * _PARTS[0]} or more",
            code="benchmark.too_small",
        )
    loads = [load_average()]
    *small, third, largest = sizes
    turns = [size for _ in range(rounds) for size in (_FEW, third)] + [*small, largest]
    bar = tqdm(
        total=len(turns) * len(JOBS) + len(_DEVICES) + 1,
        disable=None if progress else True,
        unit="run",
    )
    with tempfile.TemporaryDirectory() as name, bar:
        found = _measure_sizes(Path(name), turns, bar)
        speeds = _measure_devices(Path(name), bar)
    dispatches = compare_dispatches(SUITE, rounds=rounds, progress=progress)
    content = {
        "suite": SUITE,
        **conditions(loads),
        "rounds": rounds,
        "rows": [*dispatches, *_size_rows(found, sizes)],
        "costs": _costs(found, sizes),
        "devices": speeds,
    }
    return Benchmark(content, format_report(content))


def _measure_sizes(work: Path, turns: Sequence[int], bar: tqdm) -> dict[str, dict[int, Measured]]:
    """What each job costs for each size, by turns; the first one fills a cache of programs."""
    found: dict[str, dict[int, Measured]] = {job: {} for job in JOBS}
    told = {"JAX_COMPILATION_CACHE_DIR": str(work / "programs")}
    told |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    for turn, size in enumerate([turns[0], *turns]):
        place = work / "turn"
        scaling_jobs.write_clips(place / "clips", size)
        for job in JOBS:
            if job == "train" and size not in found[job]:
                # The length of the schedule is a constant of the update, which each size compiles.
                measure(scaling_jobs.__name__, job, place, environment=told)
                shutil.rmtree(place / scaling_jobs.RUN)
            cost = measure(scaling_jobs.__name__, job, place, environment=told)
            if turn:
                found[job].setdefault(size, []).append(cost)
                bar.update()
        shutil.rmtree(place)
    return found


def _per_clip(found: Mapping[int, Measured], size: int, kind: str) -> list[float]:
    """Seconds for a clip in each round, without those of the start."""
    start = statistics.median(cost[kind] for cost in found[_FEW])
    return [(cost[kind] - start) / (size - _FEW) for cost in found[size]]


def _size_rows(found: Mapping[str, Mapping[int, Measured]], sizes: Sequence[int]) -> list[Row]:
    """How a clip of the most compares with one of a third of them, in time of the processors.

    Fewer clips take too little beside the start to be compared.
    """
    *_, third, most = sizes
    rows = []
    for job in JOBS:
        few, many = (_per_clip(found[job], size, "cpu_seconds") for size in (third, most))
        own = [statistics.median(many)] * len(few)
        rows.append(compare(SUITE, f"{job}, {most:,} clips", f"{third:,} clips", own, few))
    return rows


def _costs(
    found: Mapping[str, Mapping[int, Measured]], sizes: Sequence[int]
) -> list[dict[str, Any]]:
    """A row for each job and size: time for a clip, and the memory held."""
    return [
        {
            "job": job,
            "clips": size,
            "cpu_milliseconds": 1e3 * statistics.median(_per_clip(costs, size, "cpu_seconds")),
            "milliseconds": 1e3 * statistics.median(_per_clip(costs, size, "seconds")),
            "megabytes": statistics.median(cost["megabytes"] for cost in costs[size]),
            "start_cpu_seconds": statistics.median(cost["cpu_seconds"] for cost in costs[_FEW]),
        }
        for job, costs in found.items()
        for size in sizes
    ]


def _measure_devices(work: Path, bar: tqdm) -> list[dict[str, Any]]:
    """Clips per second of training on each number of devices, and in two processes."""
    jobs, place = scaling_jobs.__name__, work / "devices"
    scaling_jobs.write_clips(place / "clips", _FEW)
    measure(jobs, "prepare", place)
    flags = os.environ.get("XLA_FLAGS", "")
    found = []
    for count in _DEVICES:
        forced = {"XLA_FLAGS": f"{flags} --{_FORCE}={count}".strip()}
        measure(jobs, "train_convolutions", place, environment=forced)
        found.append({"processes": 1, "devices": count, "clips_per_second": _take_speed(place)})
        bar.update()
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    forced = {"XLA_FLAGS": f"{flags} --{_FORCE}=1".strip()}
    pair = [
        run_module(jobs, "train_convolutions", place, port, number, environment=forced)
        for number in range(2)
    ]
    for process in pair:
        require_success(process)
    found.append({"processes": 2, "devices": 2, "clips_per_second": _take_speed(place)})
    bar.update()
    one = found[0]["clips_per_second"]
    return [row | {"of_one_device": row["clips_per_second"] / one} for row in found]


def _take_speed(place: Path) -> float:
    """What a run logged, but for its first steps; removes the run."""
    run = place / scaling_jobs.DEVICES_RUN
    rows = read_metrics(run / "metrics.jsonl")
    speeds = [row["clips_per_second"] for row in rows if "clips_per_second" in row]
    shutil.rmtree(run)
    return statistics.median(speeds[1:])


def format_report(content: Mapping[str, Any]) -> str:
    """The content of `benchmark_scaling` in Markdown."""
    lines = [
        tell_conditions(content),
        f"The start, a third of the clips, and updates have {content['rounds']} turns.",
        "",
        format_rows(content["rows"]),
        "",
        "Cost of a clip of one second without the start, and private memory of the processes:",
        "",
        "| | clips | CPU ms a clip | ms a clip | MB | start, CPU s |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in content["costs"]:
        lines.append(
            f"| {row['job']} | {row['clips']:,} | {row['cpu_milliseconds']:.2f} | "
            f"{row['milliseconds']:.2f} | {row['megabytes']:.0f} | {row['start_cpu_seconds']:.1f} |"
        )
    lines += [
        "",
        "Training on several devices, which are shares of the processor:",
        "",
        "| processes | devices | clips/s | beside one device |",
        "|--:|--:|--:|--:|",
    ]
    for row in content["devices"]:
        lines.append(
            f"| {row['processes']} | {row['devices']} | {row['clips_per_second']:.0f} | "
            f"{row['of_one_device']:.2f} |"
        )
    return "\n".join([*lines, ""])
