"""Results as text for the console."""

from typing import Any

import numpy as np

from mgr_jax.errors import printable
from mgr_jax.evaluation.predictions import AGGREGATIONS
from mgr_jax.evaluation.protocol import Protocol


def format_table(result: dict[str, Any]) -> str:
    """Formats the result of `evaluate`: one line per level and metric, with its interval.

    Undefined numbers are shown as `n/a`. Metrics of tracks also show the spread over repeats.
    """
    counts = {"segment": result["segments"], "track": result["tracks"]}
    width = max(len(metric) for level in counts for metric in result[level])
    protocol = Protocol.from_dict(result["protocol"])
    lines = [
        f"{result['split']}: {result['tracks']} tracks, {result['segments']} segments; "
        f"{protocol.sentence}; tracks by {AGGREGATIONS[result['aggregation']]}; "
        f"{100 * result['confidence']:g} % intervals"
    ]
    for level in counts:
        for metric, numbers in result[level].items():
            value, low, high = ("  n/a" if x is None else f"{x:.3f}" for x in numbers)
            spread = _spread(result["repeats"][metric]) if _repeated(result, level) else ""
            lines.append(f"{level:<7}  {metric:<{width}}  {value} [{low}, {high}]{spread}")
    if result.get("left_out"):
        names = ", ".join(result["left_out"])
        lines.append(f"left out of roc_auc and average_precision (labels all alike): {names}")
    return "\n".join(map(printable, lines))


def _repeated(result: dict[str, Any], level: str) -> bool:
    return level == "track" and "repeats" in result


def _spread(values: list[float | None]) -> str:
    defined = [value for value in values if value is not None]
    if len(defined) < 2:
        return ""
    return f"  {len(defined)} repeats, standard deviation {np.std(defined, ddof=1):.3f}"
