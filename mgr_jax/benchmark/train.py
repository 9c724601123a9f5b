"""Times the training step of networks beside PyTorch, and analyses where its time goes."""

import dataclasses
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from mgr_jax.benchmark.flops import count_flops
from mgr_jax.benchmark.record import Benchmark, Row, compare
from mgr_jax.benchmark.roofline import measure_device, where_time_goes
from mgr_jax.benchmark.steps import Steps, first_line, start_steps, time_steps
from mgr_jax.benchmark.timing import available_cores, conditions, load_average
from mgr_jax.benchmark.train_cases import (
    CASES,
    CLASSES,
    Case,
    OwnSteps,
    abstract,
    count_parameters,
    own_logits,
)
from mgr_jax.benchmark.train_report import format_report
from mgr_jax.errors import UserError, unknown_name

SUITE = "train"
DTYPES = ("float32", "bfloat16")
OWN, PEER, COMPILED = "mgr_jax", "PyTorch", "PyTorch compiled"
BEST = "float32 or bfloat16, whichever is faster"
_BATCHES = {"cpu": 16}  # clips; 64 elsewhere
_TRACED = 3  # steps
# Largest differences of results: of logits relative to the largest one, of losses to the expected
# one. A GPU multiplies float32 in TF32, and bfloat16 has 8 bits.
_NEAR, _NEAR_ON_GPU, _NEAR_IN_BFLOAT16 = 1e-3, 0.05, 0.05

Report = dict[str, Any]


def benchmark_train(
    models: Sequence[str] = (),
    *,
    batch: int | None = None,
    rounds: int = 7,
    compiled: bool = False,
    progress: bool = True,
) -> Benchmark:
    """Times forward pass, backward pass and Adam's update, beside PyTorch if it is installed.

        report = mgr_jax.benchmark_train(["short_chunk"], rounds=5)
        print(report)

    mgr_jax makes the trainer's own step under pmap, without a front end. PyTorch has the same
    network with channels last (a waveform is an image one sample wide); its bfloat16 is autocast.
    Both have the same weights; before timing, a check makes sure that their logits and the losses
    of their first steps agree. All take turns on the same batch, which lies on the device.

    Args:
      models: names; none: all of `train_cases.CASES`.
      batch: clips per batch; None: 16 on a CPU, 64 elsewhere.
      rounds: turns of each.
      compiled: also time PyTorch's bfloat16 compiled by torch.compile.
      progress: show bars.

    Returns:
      The numbers, as tables when printed.

    Raises:
      UserError: there is no such network here, or PyTorch's computes something else.
    """
    for name in models:
        if name not in CASES:
            raise unknown_name("network to time", name, CASES)
    device = jax.local_devices()[0]
    batch = batch or _BATCHES.get(device.platform, 64)
    loads = [load_average()]
    networks: dict[str, Report] = {}
    for name in tqdm(models or CASES, unit="network", disable=None if progress else True):
        case = dataclasses.replace(CASES[name], batch=batch)
        steps = 1 if device.platform == "cpu" else 10
        networks[name] = time_network(
            case, rounds=rounds, steps=steps, compiled=compiled, progress=progress
        )
        jax.clear_caches()  # compiled programs fill the memory
    content: Report = {
        "suite": SUITE,
        **conditions(loads),
        "rates": measure_device(device),
        "networks": networks,
        "rows": compare_networks(networks),
    }
    return Benchmark(content, format_report(content))


def time_network(
    case: Case,
    *,
    rounds: int,
    steps: int,
    compiled: bool = False,
    keep: Callable[[Report], None] = lambda report: None,
    progress: bool = False,
) -> Report:
    """Times the training step of one network, see `benchmark_train`.

    Implementations that cannot be imported, or fail, are named in the report.

    Args:
      case: the network.
      rounds: turns of each.
      steps: steps per turn, after which it waits for them.
      compiled: also time torch.compile, in bfloat16; it takes up to a minute.
      keep: gets the report so far, before the profile and before torch.compile.
      progress: show a bar.

    Returns:
      A report for JSON: "seconds" of a step in every round, by name; "first_call_seconds" with
      compilation; "first_loss"; "agreement" with PyTorch; "flops" of a step; "parts" of our step by
      type, see `where_time_goes`; and "failures".

    Raises:
      UserError: PyTorch's network computes something else.
    """
    report: Report = {
        "model": case.model,
        "shape": list(case.shape),
        "batch": case.batch,
        "classes": CLASSES,
        "rounds": rounds,
        "steps_per_round": steps,
        "parameters": {OWN: count_parameters(case)},
        "flops": flops_of_step(case),
        "failures": {},
    }
    variables = case.variables()
    makers: dict[str, Callable[[], Steps]] = {
        f"{OWN} {dtype}": partial(OwnSteps, case, dtype, variables) for dtype in DTYPES
    }
    late: dict[str, Callable[[], Steps]] = {}
    try:
        from mgr_jax.benchmark import torch_steps
    except ImportError as error:
        report["failures"][PEER] = f"not compared, as it cannot be imported: {error}"
    else:
        torch_steps.prepare(available_cores())
        report["parameters"][PEER] = torch_steps.parameters(case)
        report["agreement"] = _require_agreement(case, variables)
        for dtype in DTYPES:
            peer = partial(torch_steps.make_steps, case, dtype, variables)
            makers[f"{PEER} {dtype}"] = peer
        if compiled:
            late[f"{COMPILED} bfloat16"] = partial(peer, compiled=True)
    functions = start_steps(makers, report)
    _require_same_loss(report["first_loss"], case.model)
    report["seconds"] = time_steps(functions, rounds=rounds, steps=steps, progress=progress)
    keep(report)
    report["parts"] = {
        dtype: _parts(functions.get(f"{OWN} {dtype}"), variables, report) for dtype in DTYPES
    }
    if late:
        keep(report)
        functions |= start_steps(late, report)
        report["seconds"] = time_steps(functions, rounds=rounds, steps=steps, progress=progress)
    return report


def _parts(step: Steps | None, variables: Mapping[str, Any], report: Report) -> dict[str, float]:
    """Seconds of our step by part; {} if there is no step, or its profile fails."""
    if not isinstance(step, OwnSteps):
        return {}
    try:
        step(1)  # see `time_steps`
        # The fastest of a few: a profile of an interrupted one would mislead.
        found = (where_time_goes(step.program, variables, partial(step, 1)) for _ in range(_TRACED))
        return min(found, key=lambda parts: parts.get("in all", 0.0))
    except Exception as error:  # a driver may raise anything
        report["failures"]["profiler"] = f"{type(error).__name__}: {first_line(error)}"
        return {}


def flops_of_step(case: Case) -> int:
    """Operations of a training step: three times the network's, see `count_flops`.

    Every layer has two gradients of as many operations as itself. As is usual, the unneeded
    gradient of the features is counted too (0 to 2 % of these networks); how the step computes its
    gradients does not matter.
    """
    model, (features, _) = case.create(), case.examples()
    forward = partial(model.apply, train=False)
    return 3 * count_flops(lambda variables, x: forward(variables, x)[0], abstract(case), features)


def _require_agreement(case: Case, variables: Mapping[str, Any]) -> Report:
    """Differences of logits and of losses of the first steps, without dropout, in float32."""
    from mgr_jax.benchmark import torch_steps

    near = _NEAR if jax.default_backend() == "cpu" else _NEAR_ON_GPU
    ours, theirs = own_logits(case, "float32", variables), torch_steps.logits(case, variables)
    distance = float(np.abs(ours - theirs).max() / np.abs(ours).max())
    if not distance < near:
        raise _differs(case.model, f"logits differ by {distance:.2g} of the largest")
    undropped = case.without_dropout()
    pair = (
        OwnSteps(undropped, "float32", variables),
        torch_steps.make_steps(undropped, "float32", variables),
    )
    losses = [[step(1) for step in pair] for _ in range(2)]  # the second one after an update
    if not math.isclose(*losses[0], rel_tol=near):
        raise _differs(case.model, "losses of the first step are {:.6g} and {:.6g}", *losses[0])
    return {"logits": distance, "losses": losses}


def _require_same_loss(losses: Mapping[str, float], model: str) -> None:
    """Raises if our bfloat16 computes another loss than our float32, with the same dropout."""
    found = [losses[name] for dtype in DTYPES if (name := f"{OWN} {dtype}") in losses]
    if len(found) == 2 and not math.isclose(*found, rel_tol=_NEAR_IN_BFLOAT16):
        raise _differs(model, "losses in float32 and bfloat16 are {:.6g} and {:.6g}", *found)


def _differs(model: str, sentence: str, *values: float) -> UserError:
    return UserError(
        f"{model}: {sentence.format(*values)}; what computes something else is not compared",
        code="benchmark.differs",
    )


def compare_networks(networks: Mapping[str, Report]) -> list[Row]:
    """Rows of every network and of their geometric mean, by type, beside each of PyTorch's forms.

    The mean is taken in every round; networks that lack a time are left out.
    """
    rows: list[Row] = []
    for peer in (PEER, COMPILED):
        for own, other in (("float32", "float32"), ("bfloat16", "bfloat16"), (BEST, "bfloat16")):
            pairs: dict[str, tuple[list[float], ...]] = {}
            for name, report in networks.items():
                times = report.get("seconds", {})
                ours = _own_times(times, own)
                if ours and f"{peer} {other}" in times:
                    pairs[name] = ours, times[f"{peer} {other}"]
            if len(pairs) > 1:
                pairs["geometric mean"] = tuple(
                    [statistics.geometric_mean(each) for each in zip(*side, strict=True)]
                    for side in zip(*pairs.values(), strict=True)
                )
            rows += [
                compare(SUITE, f"{name}, {own}", f"{peer} {other}", ours, theirs)
                for name, (ours, theirs) in pairs.items()
            ]
    return rows


def _own_times(times: Mapping[str, list[float]], dtype: str) -> list[float] | None:
    if dtype != BEST:
        return times.get(f"{OWN} {dtype}")
    found = [times[name] for name in (f"{OWN} {dtype}" for dtype in DTYPES) if name in times]
    return min(found, key=statistics.median, default=None)
