"""The report of the benchmark of training steps, as tables in Markdown."""

import statistics
from collections.abc import Mapping
from typing import Any

from mgr_jax.benchmark.record import format_rows
from mgr_jax.benchmark.roofline import PARTS
from mgr_jax.benchmark.timing import tell_conditions

Report = Mapping[str, Any]


def format_report(content: Report) -> str:
    """The content of `benchmark_train` as a page of tables."""
    networks, rates = content["networks"], content["rates"]
    some = next(iter(networks.values()))
    lines = [
        f"Training steps (forward, backward, Adam) of {some['batch']} clips, {some['classes']} "
        f"classes, {some['rounds']} rounds that take turns. {tell_conditions(content)}",
        "",
        "Milliseconds of a step, median (quartiles):",
        "",
        format_steps(networks),
    ]
    if content["rows"]:
        lines += ["", format_rows(content["rows"])]
    lines += [
        "",
        f"The device multiplies matrices at {rates['float32'] / 1e9:,.0f} GFLOP/s in float32 and "
        f"{rates['bfloat16'] / 1e9:,.0f} in bfloat16 (sums in float32), and moves "
        f"{rates['bytes'] / 1e9:,.1f} GB/s. The steps reach these shares of the first two:",
        "",
        format_rates(networks, rates),
    ]
    if parts := format_parts(networks):
        lines += ["", "Milliseconds of the parts of one step, under the profiler:", "", parts]
    told = {sentence for report in networks.values() for sentence in _failures(report)}
    return "\n".join([*lines, *(f"\n{sentence}" for sentence in sorted(told)), ""])


def format_steps(networks: Mapping[str, Report]) -> str:
    """A table of the networks' steps in milliseconds: median (quartiles)."""
    names = _names(networks)
    lines = [f"| network, batch | {' | '.join(names)} |", "|---|" + "--:|" * len(names)]
    for report in networks.values():
        cells = [f"{report['model']}, {report['batch']}"]
        for name in names:
            each = [1e3 * seconds for seconds in report["seconds"].get(name, [])]
            cells.append(_spread(each) if each else "–")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def format_rates(networks: Mapping[str, Report], rates: Report) -> str:
    """A table of GFLOP per step, and of the share of the device's rate."""
    names = _names(networks)
    lines = [f"| network | GFLOP | {' | '.join(names)} |", "|---|--:|" + "--:|" * len(names)]
    for report in networks.values():
        cells = [report["model"], f"{report['flops'] / 1e9:.1f}"]
        for name in names:
            each = report["seconds"].get(name)
            share = flop_utilisation(report["flops"], each, rates[name.split()[-1]]) if each else 0
            cells.append(f"{share:.0%}" if each else "–")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def flop_utilisation(flops: int, seconds: list[float], rate: float) -> float:
    """The share of a rate of operations that the median step reaches.

    Args:
      flops: operations of a step.
      seconds: times of steps.
      rate: operations per second.
    """
    return flops / statistics.median(seconds) / rate


def format_parts(networks: Mapping[str, Report]) -> str:
    """A table of milliseconds by part of our step; "" if there are none."""
    lines = []
    for report in networks.values():
        for dtype, seconds in report.get("parts", {}).items():
            if seconds:
                cells = " | ".join(f"{1e3 * seconds[name]:.1f}" for name in (*PARTS, "in all"))
                lines.append(f"| {report['model']}, {dtype} | {cells} |")
    titles = [f"| | {' | '.join(PARTS)} | in all |", "|---|" + "--:|" * (len(PARTS) + 1)]
    return "\n".join(titles + lines) if lines else ""


def _names(networks: Mapping[str, Report]) -> list[str]:
    """Names of the timed implementations, in order."""
    return list(dict.fromkeys(name for each in networks.values() for name in each["seconds"]))


def _spread(values: list[float]) -> str:
    low, middle, high = (
        statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    )
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _failures(report: Report) -> list[str]:
    return [f"{name}: {told}." for name, told in report["failures"].items()]
