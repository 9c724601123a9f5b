"""The training step of four networks, by mgr_jax and by PyTorch, on one device."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mgr_jax.audio.frontends import create_frontend
from mgr_jax.benchmark.timing import available_cores, interleave, speed_ratio
from mgr_jax.classifier import GenreClassifier
from mgr_jax.models import Network, create_model
from mgr_jax.training.partition import make_partition
from mgr_jax.training.steps import create_state, make_train_step

CLASSES = 50
DTYPES = ("float32", "bfloat16")
_LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Case:
    """A network, and what it is trained on.

    Attributes:
      model: its name.
      shape: of the features of a clip: frames, bins.
      batch: clips at a time.
      kwargs: fields of the network that differ from their defaults.
    """

    model: str
    shape: tuple[int, int]
    batch: int = 64
    kwargs: dict[str, Any] = field(default_factory=dict)

    def create(self, dtype: str = "float32", axis_name: str | None = None) -> Network:
        """The Flax module."""
        return create_model(
            self.model,
            num_classes=CLASSES,
            axis_name=axis_name,
            dtype=jnp.dtype(dtype),
            **self.kwargs,
        )

    def examples(self) -> tuple[np.ndarray, np.ndarray]:
        """Features [batch, frames, bins] float32 and targets [batch] int32, drawn from seed 0."""
        rng = np.random.default_rng(0)
        features = rng.standard_normal((self.batch, *self.shape), dtype=np.float32)
        return features, rng.integers(CLASSES, size=self.batch, dtype=np.int32)


# The inputs that they were published with.
CASES = {
    case.model: case
    for case in (
        Case("sample_cnn", (59_049, 1)),
        Case("choi_crnn", (1366, 96)),
        Case("short_chunk", (231, 128)),
        Case("resnet18", (128, 128)),
    )
}
# Few and narrow layers, on short clips.
TINY_CASES = {
    case.model: case
    for case in (
        Case("sample_cnn", (81, 1), 8, {"depth": 3, "widths": (4, 4, 8)}),
        Case("choi_crnn", (96, 96), 8),
        Case("short_chunk", (16, 16), 8, {"widths": (4, 4, 8), "pools": ((2, 2),) * 3}),
        Case("resnet18", (32, 32), 8, {"width": 4, "blocks": (1, 1)}),
    )
}

Steps = Callable[[], float]  # makes some steps, waits for them, and returns the last one's loss


def compare_train_steps(
    case: Case,
    *,
    rounds: int = 20,
    steps: int = 10,
    compiled: bool = True,
    keep: Callable[[dict[str, Any]], None] = lambda report: None,
) -> dict[str, Any]:
    """Times forward pass, backward pass and Adam's update, in float32 and in bfloat16.

    mgr_jax makes its own step under pmap, without a front end. PyTorch, where it is installed, has
    the same network with its channels last, eager and compiled; bfloat16 is its autocast. All take
    turns on the same batch, which lies on the device, and each call makes several steps before it
    waits for them. What is not there, or fails, is named in the report.

    Args:
      case: the network.
      rounds: turns of each.
      steps: in a turn.
      compiled: whether to compile PyTorch's networks too, which takes up to a minute each.
      keep: is given a first report before PyTorch compiles.

    Returns:
      A report for JSON: "milliseconds" of a step by name, "ratios" of mgr_jax to its peers (above
      1: faster), "first_call_seconds" with compilation, the last "losses", and "failures".
    """
    report: dict[str, Any] = {
        "model": case.model,
        "shape": list(case.shape),
        "batch": case.batch,
        "classes": CLASSES,
        "rounds": rounds,
        "steps_per_round": steps,
        "parameters": {"mgr_jax": count_parameters(case)},
        "first_call_seconds": {},
        "failures": {},
    }
    makers: dict[str, Callable[[], Steps]] = {
        f"mgr_jax {dtype}": partial(make_steps, case, dtype, steps) for dtype in DTYPES
    }
    late: dict[str, Callable[[], Steps]] = {}
    try:
        from mgr_jax.benchmark import torch_steps
    except ImportError as error:
        report["failures"]["PyTorch"] = f"not compared, as it cannot be imported: {error}"
    else:
        torch_steps.prepare(available_cores())
        report["parameters"]["PyTorch"] = torch_steps.parameters(case)
        for dtype in DTYPES:
            peer = partial(torch_steps.make_steps, case, dtype, steps)
            makers[f"PyTorch eager {dtype}"] = partial(peer, compiled=False)
            if compiled:
                late[f"PyTorch compiled {dtype}"] = partial(peer, compiled=True)
    functions: dict[str, Steps] = {}
    for stage in (makers, late):
        if not stage:
            continue
        functions |= _started(stage, report)
        times = interleave(functions, rounds)
        report["losses"] = {name: function() for name, function in functions.items()}
        report["milliseconds"] = {name: _milliseconds(times[name], steps) for name in times}
        report["ratios"] = _ratios(times)
        keep(report)
    return report


def _started(makers: Mapping[str, Callable[[], Steps]], report: dict[str, Any]) -> dict[str, Steps]:
    """Functions that have made their first steps; those that fail are told in the report."""
    functions = {}
    for name, make in makers.items():
        start = time.perf_counter()
        try:
            function = make()
            loss = function()
        except Exception as error:  # whatever a compiler or a driver may raise
            report["failures"][name] = f"{type(error).__name__}: {_first_line(error)}"
            continue
        report["first_call_seconds"][name] = time.perf_counter() - start
        if math.isfinite(loss):
            functions[name] = function
        else:
            report["failures"][name] = f"the loss is {loss}"
    return functions


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")


def _milliseconds(times: list[float], steps: int) -> dict[str, float]:
    each = [1e3 * seconds / steps for seconds in times]
    low, _, high = statistics.quantiles(each, n=4) if len(each) > 1 else each * 3
    return {
        "median": statistics.median(each),
        "best": min(each),
        "first_quartile": low,
        "third_quartile": high,
    }


def _ratios(times: Mapping[str, list[float]]) -> dict[str, dict[str, dict[str, float]]]:
    return {
        name: {
            peer: speed_ratio(times[name], times[peer])
            for peer in times
            if peer.startswith("PyTorch") and peer.endswith(name.removeprefix("mgr_jax "))
        }
        for name in times
        if name.startswith("mgr_jax")
    }


def make_steps(case: Case, dtype: str, steps: int) -> Steps:
    """mgr_jax's own train step under pmap, over all devices of this process."""
    partition = make_partition("pmap", case.batch)
    classifier = GenreClassifier(
        create_frontend("precomputed"),
        case.create(dtype, partition.axis_name),
        input_norm="none",
        axis_name=partition.axis_name,
    )
    features, targets = case.examples()
    variables = jax.jit(classifier.init)({"params": jax.random.key(0)}, features[:1])
    optimizer = optax.adam(_LEARNING_RATE)
    update = partition.compile_update(
        make_train_step(
            classifier,
            optimizer,
            optax.softmax_cross_entropy_with_integer_labels,
            lambda data, batch: batch["features"],
            seed=0,
        )
    )
    # Rows of a batch are [steps, ...]: one step for each return to the host.
    rows = {"features": features, "targets": targets, "index": np.arange(len(targets), dtype="u4")}
    batch = partition.shard({name: array[:, None] for name, array in rows.items()})
    batch = jax.device_put(batch)
    state = partition.replicate(jax.device_get(create_state(variables, optimizer)))
    data = partition.replicate({})

    def make() -> float:
        nonlocal state
        for _ in range(steps):
            state, metrics = update(state, data, batch)
        jax.block_until_ready(state)
        return float(np.mean(jax.device_get(metrics["loss"])))

    return make


def count_parameters(case: Case) -> int:
    """Trainable values of the Flax module."""
    features = jax.ShapeDtypeStruct((1, *case.shape), np.float32)
    model = case.create()
    shapes = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), features)
    return sum(math.prod(x.shape) for x in jax.tree.leaves(shapes["params"]))
