"""The parts of the check of a device; `device_check` runs each in its own process.

    python -m mgr_jax.benchmark.device_parts PART FOLDER SIZE

A part writes FOLDER/PART.json: {"result": …}, and {"error": sentence} if it fails.
"""

import statistics
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np
import soundfile

import mgr_jax
from mgr_jax.benchmark.frontends import choose_devices, synthetic_clips, time_frontends
from mgr_jax.benchmark.roofline import measure_device
from mgr_jax.benchmark.timing import machine
from mgr_jax.benchmark.train import time_network
from mgr_jax.benchmark.train_audio import audio_config, time_audio
from mgr_jax.benchmark.train_cases import CASES, TINY_CASES
from mgr_jax.config import clear_others
from mgr_jax.errors import UserError, unknown_name
from mgr_jax.files import write_json
from mgr_jax.training.summary import read_metrics

Report = dict[str, Any]
Keep = Callable[[Report], None]  # stores the report so far, in case the time runs out

RATE = 12_000
_PACKAGES = ("flax", "optax", "orbax-checkpoint", "grain", "tensorflow-datasets", "triton")


def describe_machine(folder: Path, tiny: bool, keep: Keep) -> Report:
    """Describes the devices: memory, speed, versions, and the driver's own description.

    Args:
      folder: folder of the check.
      tiny: everything as small as possible.
      keep: stores the report so far.

    Returns:
      The report.
    """
    del folder, keep
    report = machine()
    for name in _PACKAGES:
        try:
            report["versions"][name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            report["versions"][name] = None
    report["versions"]["mgr_jax"] = mgr_jax.__version__
    device = jax.local_devices()[0]
    report["platform_version"] = device.client.platform_version.splitlines()
    driver = Path("/proc/driver/nvidia/version")
    report["driver"] = driver.read_text(encoding="utf-8").splitlines() if driver.exists() else []
    report["memory_bytes"] = (device.memory_stats() or {}).get("bytes_limit")
    report["rates"] = measure_device(device, tiny=tiny)
    return report


def prepare(folder: Path, tiny: bool, keep: Keep) -> Report:
    """Prepares the embedded dataset.

    Args:
      folder: folder of the check.
      tiny: everything as small as possible.
      keep: stores the report so far.

    Returns:
      The report.
    """
    del keep
    prepared = mgr_jax.prepare(
        _dataset(tiny), sample_rate=RATE, data_dir=folder / "data", progress=False
    )
    return {"summary": str(prepared)}


def train(folder: Path, tiny: bool, keep: Keep, *, partition: str) -> Report:
    """Trains the demo's recipe for some steps under a partition, with data resident and streaming.

    Args:
      folder: folder of the check.
      tiny: everything as small as possible.
      keep: stores the report so far.
      partition: "pmap" or "jit".

    Returns:
      The report.
    """
    report: Report = {}
    # One loader is enough for the tiny check.
    for loader in ("resident",) if tiny and partition == "jit" else ("resident", "streaming"):
        config = mgr_jax.read_config("demo")
        config.dataset, config.data_dir = _dataset(tiny), str(folder / "data")
        config.partition, config.loader = partition, loader
        config.num_steps, config.eval_every, config.log_every = 300, 150, 50
        if tiny:
            config.clip_samples, config.batch_size, config.steps_per_dispatch = RATE, 8, 1
            config.num_steps, config.eval_every, config.log_every = 4, 4, 2
            # Compiling a recurrence would take longer than all the rest.
            config.model = {"name": "fcn", "kwargs": {"widths": (8, 16), "pools": ((4, 4), (2, 2))}}
        clear_others(config, ("num_steps", "eval_every"))
        workdir, start = _run(folder, partition, loader), time.perf_counter()
        result = mgr_jax.train(config, workdir, progress=False)
        seconds = time.perf_counter() - start
        rows = read_metrics(workdir / "metrics.jsonl")
        losses = [row["train/loss"] for row in rows if "train/loss" in row]
        # The first speed includes compilation.
        speeds = [row["clips_per_second"] for row in rows if "clips_per_second" in row][1:]
        report[loader] = {
            "steps": result.step,
            "batch": config.batch_size,
            "seconds": seconds,
            "clips_per_second": statistics.median(speeds),
            "losses": losses,
            "validation": {result.monitor: result.best},
        }
        keep(report)
    return report


def evaluate(folder: Path, tiny: bool, keep: Keep) -> Report:
    """Scores the test tracks with the run that was trained first, and predicts a file of a minute.

    Args:
      folder: folder of the check.
      tiny: everything as small as possible.
      keep: stores the report so far.

    Returns:
      The report.

    Raises:
      UserError: probabilities do not sum to 1.
    """
    del tiny
    run, start = _run(folder, "pmap", "resident"), time.perf_counter()
    result = mgr_jax.evaluate(run, "test", progress=False)
    report: Report = {
        "seconds": time.perf_counter() - start,
        "accuracy": result.scores["track"]["accuracy"],
        "summary": str(result).splitlines(),
    }
    keep(report)
    path = folder / "chirp.wav"
    soundfile.write(path, synthetic_clips(1, 60 * RATE, seed=1)[0].clip(-1, 1), RATE)
    start = time.perf_counter()
    prediction = mgr_jax.load(run).predict(path)
    total = float(prediction.track_probabilities.sum())
    if not np.isclose(total, 1.0, atol=1e-4):
        raise UserError(
            f"the probabilities of {path.name} sum to {total}; they must sum to 1",
            code="device_check.probabilities",
        )
    report["predict"] = {"seconds": time.perf_counter() - start, "label": prediction.label}
    return report


def frontends(folder: Path, tiny: bool, keep: Keep) -> Report:
    """Times front ends on clips in memory, beside librosa and PyTorch if they are installed.

    Args:
      folder: folder of the check.
      tiny: everything as small as possible.
      keep: stores the report so far.

    Returns:
      The report.
    """
    del folder, keep
    devices = choose_devices(None)
    devices = devices[: 16 // -(-16 // len(devices))]  # as many as can share 16 clips
    if tiny:
        return time_frontends(synthetic_clips(2, RATE, seed=0), rounds=2, devices=devices[:2])
    return time_frontends(synthetic_clips(16, 30 * 22_050, seed=0), rounds=20, devices=devices)


def step(folder: Path, tiny: bool, keep: Keep, *, model: str) -> Report:
    """Times the training step of a network beside PyTorch's.

    Args:
      folder: folder of the check.
      tiny: everything as small as possible.
      keep: stores the report so far.
      model: name of the network.

    Returns:
      The report.
    """
    del folder
    if tiny:
        return time_network(TINY_CASES[model], rounds=2, steps=1, keep=keep)
    rounds, steps = _rounds()
    return time_network(CASES[model], rounds=rounds, steps=steps, compiled=True, keep=keep)


def audio(folder: Path, tiny: bool, keep: Keep) -> Report:
    """Times training from int16 audio beside PyTorch's.

    Args:
      folder: folder of the check.
      tiny: everything as small as possible.
      keep: stores the report so far.

    Returns:
      The report.
    """
    config = audio_config(_dataset(tiny), folder / "data", tiny=tiny)
    if tiny:
        return time_audio(
            config, folder, rounds=2, steps=1, dispatches=(1,), compiled=False, keep=keep
        )
    rounds, steps = _rounds()
    dispatches = (10, 1, 50) if steps > 1 else (1,)
    return time_audio(
        config, folder, rounds=rounds, steps=5 * steps, dispatches=dispatches, keep=keep
    )


def _rounds() -> tuple[int, int]:
    """Rounds, and steps in each: few on a CPU, where the check is only tested."""
    return (3, 1) if jax.default_backend() == "cpu" else (10, 10)


def _dataset(tiny: bool) -> str:
    return "rendered/tiny" if tiny else "rendered/demo"


def _run(folder: Path, partition: str, loader: str) -> Path:
    return folder / "runs" / f"{partition}_{loader}"


def run(name: str, folder: Path, tiny: bool) -> None:
    """Runs a part and writes its file.

    Args:
      name: name of the part.
      folder: folder of the check.
      tiny: everything as small as possible.

    Raises:
      UserError: there is no such part.
      Exception: whatever the part raises, after it was written to the file.
    """
    path, found = folder / f"{name}.json", {}

    def keep(result: Report) -> None:
        found["result"] = result
        write_json(path, found)

    try:
        first, _, rest = name.partition(" ")
        match first:
            case "machine":
                result = describe_machine(folder, tiny, keep)
            case "prepare":
                result = prepare(folder, tiny, keep)
            case "train":
                result = train(folder, tiny, keep, partition=rest)
            case "evaluate":
                result = evaluate(folder, tiny, keep)
            case "frontends":
                result = frontends(folder, tiny, keep)
            case "audio":
                result = audio(folder, tiny, keep)
            case "step" if rest in CASES:
                result = step(folder, tiny, keep, model=rest)
            case _:
                raise unknown_name("part", name, ("machine", "prepare", "train pmap", "train jit"))
        keep(result)
    except Exception as error:
        line = next(iter(str(error).strip().splitlines()), "")
        kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        write_json(path, found | {"error": kind + line})
        raise


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), sys.argv[3] == "tiny")
