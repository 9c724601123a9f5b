"""Results as text for the console."""

from typing import Any


def format_table(result: dict[str, Any]) -> str:
    """Lays out the result of `evaluate`, one line per level and metric, with its interval.

    Undefined numbers are shown as `n/a`.
    """
    counts = {"segment": result["segments"], "track": result["tracks"]}
    width = max(len(metric) for level in counts for metric in result[level])
    lines = [
        f"{result['split']}: {result['tracks']} tracks, {result['segments']} segments; "
        f"{result['protocol']}; {100 * result['confidence']:g} % intervals"
    ]
    for level in counts:
        for metric, numbers in result[level].items():
            value, low, high = ("  n/a" if x is None else f"{x:.3f}" for x in numbers)
            lines.append(f"{level:<7}  {metric:<{width}}  {value} [{low}, {high}]")
    if result.get("left_out"):
        names = ", ".join(result["left_out"])
        lines.append(f"left out of roc_auc and average_precision (labels all alike): {names}")
    return "\n".join(lines)
