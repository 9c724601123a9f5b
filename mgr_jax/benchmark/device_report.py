"""The report of the check of a device, as tables in Markdown."""

from collections.abc import Mapping
from typing import Any

from mgr_jax.benchmark.record import format_rows
from mgr_jax.benchmark.train import compare_networks
from mgr_jax.benchmark.train_report import flop_utilisation, format_rates, format_steps

Report = Mapping[str, Any]


def format_check(report: Report) -> str:
    """The tables of a check's report: steps, rates, ratios, training on audio, spectrograms."""
    results = {name: part.get("result", {}) for name, part in report["parts"].items()}
    machine = results.get("machine", {})
    rates, found = machine.get("rates"), results.get("audio", {})
    networks = {
        result["model"]: result
        for name, result in results.items()
        if name.startswith("step ") and "seconds" in result
    }
    rows = compare_networks(networks) + found.get("rows", [])
    tables = [
        _tell_machine(machine, report["date"]) if machine else "",
        _tell_rates(rates) if rates else "",
        f"Milliseconds of a step, median (quartiles):\n\n{format_steps(networks)}"
        if networks
        else "",
        f"Share of the matrix products' rate:\n\n{format_rates(networks, rates)}"
        if networks and rates
        else "",
        _format_audio(found, rates) if "seconds" in found else "",
        format_rows(rows) if rows else "",
        _format_log_mel(results["frontends"]) if results.get("frontends") else "",
    ]
    return "\n\n".join(filter(None, tables))


def _tell_machine(machine: Report, date: str) -> str:
    versions = ", ".join(
        f"{name} {machine['versions'][name]}"
        for name in ("mgr_jax", "jax", "jaxlib", "torch")
        if machine["versions"].get(name)
    )
    return f"{', '.join(sorted(set(machine['devices'])))} ({versions}), {date[:10]}."


def _tell_rates(rates: Report) -> str:
    products = ", ".join(f"{rates[kind] / 1e12:.3g} in {kind}" for kind in ("float32", "bfloat16"))
    return (
        f"Matrix products: TFLOP/s {products} (sums in float32); memory: "
        f"{rates['bytes'] / 1e9:,.0f} GB/s in a triad."
    )


def _format_audio(found: Report, rates: Report | None) -> str:
    """Clips per second from int16 audio to the update, and the share of the device's rate."""
    lines = [
        f"Training {found['model']} from int16 audio, {found['dtype']}, {found['batch']} clips of "
        f"{found['samples']} samples at a time:",
        "",
        "| | clips/s | of the matrix products |",
        "|---|--:|--:|",
    ]
    for name, seconds in found["seconds"].items():
        rate = rates and rates[found["dtype"]]
        share = f"{flop_utilisation(found['flops'], seconds, rate):.0%}" if rate else "–"
        lines.append(f"| {name} | {found['clips_per_second'][name]:,.0f} | {share} |")
    if "input_share" in found:
        share = found["input_share"]
        lines += ["", f"The input path takes {share:.1%} of a step with the resident loader."]
    return "\n".join(lines)


def _format_log_mel(found: Report) -> str:
    """Audio-seconds per second of log-mel spectrograms."""
    lines = ["| log-mel | audio s/s | of the memory's bandwidth |", "|---|--:|--:|"]
    for name, row in found["log_mel"].items():
        speed = row["audio_seconds_per_second"]["median"]
        share = f"{row['bandwidth_share']:.0%}" if "bandwidth_share" in row else "–"
        lines.append(f"| {name} | {speed:,.0f} | {share} |")
    return "\n".join(lines)
