"""One Markdown page for an evaluated model: its scores, its classes and its training."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.errors import printable
from mgr_jax.files import together, write_text
from mgr_jax.reports.figures import (
    draw_confusion,
    draw_history,
    draw_per_class,
    draw_reliability,
    save_figure,
)

History = tuple[Sequence[float], Mapping[str, Sequence[float]]]


def write_page(
    out_dir: str | Path,
    *,
    title: str,
    summary_rows: Sequence[Mapping[str, Any]],
    matrix: np.ndarray | None,
    classes: Sequence[str],
    per_class_rows: Sequence[Mapping[str, Any]],
    reliability: Mapping[str, np.ndarray] | None = None,
    history: History | None = None,
    notes: Sequence[str] = (),
) -> Path:
    """Writes `report.md` and the pictures it shows.

    Args:
      out_dir: folder to write into; made if absent.
      title: headline, and title of the pictures.
      summary_rows: one dict per system, e.g. `{"system": "model", **result["track"]}`. A value is
        text, a number, None for undefined, or [value, low, high]. Columns are the keys in order
        of first appearance.
      matrix: confusion counts [true, predicted], or None for a multi-label task.
      classes: names in the order of the matrix.
      per_class_rows: those of `evaluation.per_class`.
      reliability: that of `evaluation.reliability`, or None without probabilities.
      history: (steps, series) as `draw_history` takes them.
      notes: sentences to end with: the protocol, the data, the hardware.

    Returns:
      The path of `report.md`.

    Raises:
      ImportError: matplotlib is not installed.
    """
    out_dir = Path(out_dir)
    figures = {}
    if matrix is not None:
        figures["confusion_matrix"] = draw_confusion(matrix, classes, title)
    figures["per_class"] = draw_per_class(per_class_rows, title)
    if reliability is not None:
        figures["reliability"] = draw_reliability(reliability, title)
    if history is not None:
        figures["history"] = draw_history(*history, title.partition(":")[0])

    pictures = {name: f"![{name.replace('_', ' ')}]({name}.png)" for name in figures}
    parts = [f"# {markdown_text(title)}", markdown_table(summary_rows), "## Classes"]
    parts += [markdown_table(per_class_rows), pictures["per_class"]]
    if matrix is not None:
        parts += ["## Confusion matrix", pictures["confusion_matrix"]]
    if reliability is not None:
        parts += ["## Calibration", pictures["reliability"]]
    if history is not None:
        parts += ["## Training", pictures["history"]]
    if notes:
        parts += ["## Notes", "\n".join(f"- {markdown_text(note)}" for note in notes)]
    with together(out_dir) as new:
        for name, figure in figures.items():
            save_figure(figure, new / f"{name}.png")
        write_text(new / "report.md", "\n\n".join(parts) + "\n")
    return out_dir / "report.md"


def markdown_text(text: str) -> str:
    """The text on one line, without characters that start HTML, a link or a new table cell.

    Markdown that only changes the appearance, such as backticks and stars, stays.
    """
    return re.sub(r"([\\|]|<(?=[a-zA-Z/!?])|\](?=[(\[])|&(?=#?\w+;))", r"\\\1", printable(text))


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table; for their values and columns see `write_page`."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [[markdown_text(name.replace("_", " ")) for name in columns], ["---"] * len(columns)]
    lines += [[_cell(row.get(name)) for name in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        value, low, high = value
        limits = "" if low is None else f" [{_cell(low)}, {_cell(high)}]"
        return _cell(value) + limits
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else markdown_text(str(value))
