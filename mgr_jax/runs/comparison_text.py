"""A comparison of runs as a terminal shows it, in 80 columns."""

import os
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from mgr_jax.errors import printable
from mgr_jax.evaluation import format_interval

_WIDTH = 79
_MOST = 20  # runs that are shown
_COLUMNS = (24, 20, 26, 6)  # run, score, difference, p


def format_comparison(
    rows: Sequence[dict[str, Any]],
    metric: str,
    cells: Sequence[dict[str, Any]],
    notes: Iterable[str],
) -> str:
    """Two lines for each of the best runs: its scores, and what it is.

    Args:
      rows: see `Comparison.rows`.
      metric: by which they are compared.
      cells: the same rows as the table in Markdown shows them.
      notes: what the table says and does not say.
    """
    shown = metric.replace("_", " ")
    lines = [f"{rows[0]['split']} tracks", "", _line(("run", shown, "difference", "p"))]
    for row, cell in list(zip(rows, cells, strict=True))[:_MOST]:
        score = format_interval(row[metric]) if row.get(metric) else "–"
        difference = cell[f"difference in {shown}"]
        lines.append(_line((_shorten(row["run"]), score, difference, cell["McNemar p"] or "–")))
        lines.append(_about(row))
    if len(rows) > _MOST:
        lines.append(f"… and {len(rows) - _MOST} more, which compare.md has")
    lines.append("")
    for note in notes:
        lines += textwrap.wrap(
            printable(note),
            _WIDTH,
            initial_indent="- ",
            subsequent_indent="  ",
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    first, *others = zip(cells, _COLUMNS, strict=True)
    numbers = (cell.rjust(width) for cell, width in others)
    return " ".join([first[0].ljust(first[1]), *numbers]).rstrip()


def _shorten(run: str) -> str:
    """The end of a path, from the current folder if it is in there."""
    path = printable(os.path.relpath(run) if run.startswith(os.getcwd() + os.sep) else run)
    return path if len(path) <= _COLUMNS[0] else "…" + path[1 - _COLUMNS[0] :]


def _about(row: dict[str, Any]) -> str:
    parts = [row["system"], row["protocol"], f"{row['tracks']:,} tracks"]
    if row["parameters"] is not None:
        parts.append(f"{row['parameters']:,.0f} parameters")
    text = printable("; ".join(parts))
    return "\n".join(textwrap.wrap(text, _WIDTH, initial_indent="    ", subsequent_indent="    "))
