"""How long networks take to their first training step: tracing, compiling, running."""

import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from tqdm import tqdm

from mgr_jax import config as configs
from mgr_jax import program_cache
from mgr_jax.benchmark.models import CLASSES, build
from mgr_jax.benchmark.process_times import time_process
from mgr_jax.classifier import init_variables
from mgr_jax.config.files import list_configs, read_config
from mgr_jax.errors import UserError
from mgr_jax.files import write_json
from mgr_jax.training.optim import make_optimizer
from mgr_jax.training.partition import make_partition
from mgr_jax.training.steps import create_state, make_train_step

_TRACKS = 1000  # steps of an epoch, for schedules
_CLIPS = 2  # clips per device


def time_first_step(name: str) -> dict[str, Any]:
    """Takes the network of a config to the end of its first training step.

    The step is the project's own, with the optimizer and the partition of the config, for two clips
    of noise for each device, without augmentation.

    Args:
      name: spec of a config, see `mgr_jax.read_config`.

    Returns:
      {"model", "seconds", "cpu_seconds", "init_seconds", "loss"}: in all, and until there are
      parameters.

    Raises:
      UserError: there is no such config, or its network cannot be built from it alone.
    """
    config = configs.resolve(read_config(name), _TRACKS)
    start, used = time.perf_counter(), time.process_time()
    clips = _CLIPS * jax.device_count()
    partition = make_partition(config.partition, clips)
    classifier, spec = build(config, axis_name=partition.axis_name)
    variables = jax.block_until_ready(init_variables(classifier, spec, config.seed))
    initialised = time.perf_counter() - start
    optimizer = make_optimizer(config)
    single = config.task == "single_label"
    step = make_train_step(
        classifier,
        optimizer,
        optax.softmax_cross_entropy_with_integer_labels if single else _binary_cross_entropy,
        lambda data, batch: batch["inputs"],
        seed=config.seed,
    )
    targets = np.zeros(clips, np.int32) if single else np.zeros((clips, CLASSES), np.float32)
    noise = 0.1 * 2**15 * np.random.default_rng(0).standard_normal((clips, *spec.shape))
    aux = {key: np.ones((clips, *shape), np.float32) for key, shape in spec.aux.items()}
    examples = {
        "inputs": noise.astype(spec.dtype),
        "targets": targets,
        "index": np.arange(clips, dtype=np.uint32),
        "aux": aux | spec.side.blank(clips),
    }
    batch = partition.shard(jax.tree.map(lambda x: x[:, None], examples))
    state = partition.replicate(create_state(variables, optimizer))
    state, metrics = partition.compile_update(step)(state, partition.replicate({}), batch)
    jax.block_until_ready(state)
    return {
        "model": config.model.name,
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - used,
        "init_seconds": initialised,
        "loss": float(np.mean(jax.device_get(metrics["loss"]))),
    }


def _binary_cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    return optax.sigmoid_binary_cross_entropy(logits, targets).mean(axis=-1)


def first_step_networks(
    names: Iterable[str], folder: Path, *, progress: bool = False
) -> list[dict[str, Any]]:
    """Times first steps, each in processes of its own: with nothing compiled, then with all.

    Args:
      names: specs of configs; none: the first of the shipped ones for each network.
      folder: where compiled programs are kept meanwhile.
      progress: show a bar.

    Returns:
      For each {"config", "model", "cold", "warm"}, the latter as `time_first_step` returns them.

    Raises:
      UserError: there is no such config, or its network cannot be built from it alone, or fails.
    """
    chosen = list(names) or _of_each_network()
    for name in chosen:
        build(read_config(name))  # reports all errors before any timing
    rows = []
    for name in tqdm(chosen, unit="network", disable=None if progress else True):
        cold, warm = (_in_a_process(name, folder) for _ in range(2))
        if cold["loss"] != warm["loss"]:
            raise UserError(
                f"{name}: the first loss is {cold['loss']}, and {warm['loss']} of a program that "
                "was kept",
                code="benchmark.differs",
            )
        rows.append({"config": name, "model": cold["model"], "cold": cold, "warm": warm})
    return rows


def _of_each_network() -> list[str]:
    """The first of the shipped configs for each network."""
    first: dict[str, str] = {}
    for name in list_configs():
        first.setdefault(read_config(name).model.name, name)
    return list(first.values())


def _in_a_process(name: str, folder: Path) -> dict[str, Any]:
    told = folder / "first_step.json"
    kept = {program_cache.FOLDER: str(folder / "programs"), program_cache.LEAST: "0"}
    command = [sys.executable, "-m", "mgr_jax.benchmark.first_step", name, str(told)]
    time_process(command, os.environ | kept)
    return json.loads(told.read_text(encoding="utf-8"))


if __name__ == "__main__":
    write_json(Path(sys.argv[2]), time_first_step(sys.argv[1]))
