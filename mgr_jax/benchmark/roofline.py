"""Measures the highest rates of a device, and where the time of a training step goes."""

import math
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from mgr_jax.benchmark.timing import interleave, memory_bandwidth

PARTS = (
    "convolutions forward",
    "convolutions, input gradient",
    "convolutions, weight gradient",
    "the rest forward",
    "the rest backward",
    "update",
)
# name = shape opcode(operands), …, metadata={op_name="…"} of a program in HLO
_INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?([\w.-]+) = (.*)$", re.MULTILINE)
_SHAPE, _OPERAND = re.compile(r"\w+\[([\d,]*)\]"), re.compile(r"%([\w.-]+)")
_SCOPE = re.compile(r'op_name="([^"]*)"')
_END = "end: "  # an asynchronous operation begins under its name, and ends under this one

Span = tuple[float, float, str]  # an operation: first and last nanosecond, name


def measure_device(device: jax.Device, *, tiny: bool = False) -> dict[str, float]:
    """The highest rates of a device, the best of several rounds.

    Args:
      device: a device of this process.
      tiny: measure only for a moment, for a test.

    Returns:
      "float32" and "bfloat16", operations per second of a product of square matrices with float32
      sums (on a GPU float32 may be TF32, as in training), and "bytes" per second of a triad.
    """
    size = 64 if tiny else 2048 if device.platform == "cpu" else 8192
    rates = {
        dtype: matrix_product_rate(device, dtype, size=size) for dtype in ("float32", "bfloat16")
    }
    megabytes = 1 if tiny else 128 if device.platform == "cpu" else 512
    return rates | {"bytes": memory_bandwidth(device, megabytes=megabytes, rounds=10)}


def matrix_product_rate(device: jax.Device, dtype: str, *, size: int, rounds: int = 10) -> float:
    """The operations per second of a product of square matrices; multiplication and sum are two.

    Args:
      device: a device of this process.
      dtype: type of the factors; sums are float32.
      size: rows and columns.
      rounds: number of rounds, of which the best counts.
    """
    left, right = (
        jax.device_put(jax.random.normal(jax.random.key(seed), (size, size), dtype), device)
        for seed in range(2)
    )
    product = jax.jit(lambda a, b: jnp.matmul(a, b, preferred_element_type=jnp.float32))
    times = interleave({"": lambda: product(left, right).block_until_ready()}, rounds)
    return 2 * size**3 / min(times[""])


def where_time_goes(
    program: str, variables: Mapping[str, Any], run: Callable[[], Any]
) -> dict[str, float]:
    """Seconds of a training step by part, measured by XLA's profiler.

    A fused operation belongs to the part of its last operation. Simultaneous operations share their
    time evenly, so that the parts sum to the time in which any operation ran. Operations without
    origin count as update: they are copies of the state.

    Args:
      program: the compiled step in HLO, whose names give the layer of each operation.
      variables: variables of the network, whose kernels show which layers convolve.
      run: function that makes one step and waits for it.

    Returns:
      Seconds by name of `PARTS`, and "in all": wall time, with waiting and tracing; {} if the
      profiler sees no operations.
    """
    parts = operations_by_part(program, variables)
    with tempfile.TemporaryDirectory() as folder:
        options = jax.profiler.ProfileOptions()
        options.python_tracer_level = 0
        with jax.profiler.trace(folder, profiler_options=options):
            start = time.perf_counter()
            run()
            total = time.perf_counter() - start
        traces = [
            jax.profiler.ProfileData.from_file(str(path))
            for path in Path(folder).rglob("*.xplane.pb")
        ]
        spans = [span for trace in traces for span in _spans(trace)]
    if not spans:
        return {}
    seconds = dict.fromkeys(PARTS, 0.0)
    for name, nanoseconds in share_time(spans).items():
        seconds[parts.get(name, "update")] += nanoseconds / 1e9
    return seconds | {"in all": total}


def operations_by_part(program: str, variables: Mapping[str, Any]) -> dict[str, str]:
    """The part, one of `PARTS`, of each operation of a compiled step.

    An operation whose origin XLA has dropped belongs to the part that uses it first.

    Args:
      program: the compiled step in HLO.
      variables: variables of the network.
    """
    kernels: dict[str, set[int]] = defaultdict(set)  # numbers of values, by name of the layer
    for path, value in jax.tree_util.tree_flatten_with_path(variables["params"])[0]:
        *_, layer, last = (key.key for key in path)
        if last == "kernel" and value.ndim > 2:
            kernels[layer] |= {value.size, math.prod(value.shape[-2:])}  # a kernel or a tap
    found: dict[str, str] = {}
    for name, text in reversed(_INSTRUCTION.findall(program)):  # operands come before
        if scope := _SCOPE.search(text):
            shape = _SHAPE.search(text)
            axes = shape[1].split(",") if shape else []
            size = math.prod(int(axis) for axis in axes if axis)
            found[name] = _part_of(scope[1], size, kernels)
        if name in found:
            for operand in _OPERAND.findall(text):
                found[operand] = found[name]
    return found


def _part_of(scope: str, size: int, kernels: Mapping[str, set[int]]) -> str:
    """The part of an operation in a layer (module/…/operation) with so many output values."""
    if "jvp(" not in scope:
        return "update"
    backward = "transpose(" in scope
    layer = next((place for place in scope.split("/")[:-1] if place in kernels), None)
    if layer is None:
        return "the rest backward" if backward else "the rest forward"
    if not backward:
        return "convolutions forward"
    is_weights = size in kernels[layer]
    return f"convolutions, {'weight' if is_weights else 'input'} gradient"


def _spans(trace: Any) -> Iterator[Span]:
    """Begin and end of each operation: on the device, or on a CPU."""
    on_cpu = jax.default_backend() == "cpu"  # elsewhere the host only sees launches
    begun: dict[str, list[tuple[float, float]]] = defaultdict(list)
    ended: dict[str, list[float]] = defaultdict(list)
    for plane in trace.planes:
        for line in plane.lines if on_cpu or plane.name.startswith("/device:") else ():
            for event in line.events:
                if event.name.startswith(_END):
                    ended[event.name.removeprefix(_END)].append(event.end_ns)
                elif operation := dict(event.stats).get("hlo_op"):
                    begun[operation].append((event.start_ns, event.end_ns))
    for name, spans in begun.items():
        ends = sorted(ended[name])
        for number, (start, end) in enumerate(sorted(spans)):
            last = ends[number] if len(ends) == len(spans) else end
            yield start, max(end, last), name


def share_time(spans: Iterable[Span]) -> dict[str, float]:
    """Nanoseconds by name; overlapping operations share their common time."""
    changes = sorted(
        change
        for start, end, name in spans
        if end > start
        for change in ((start, 1, name), (end, -1, name))
    )
    active: Counter[str] = Counter()
    shared: dict[str, float] = defaultdict(float)
    since = 0.0
    for moment, change, name in changes:
        count = active.total()
        for other, times in active.items():
            shared[other] += (moment - since) * times / count
        active[name] += change
        if not active[name]:
            del active[name]
        since = moment
    return shared
