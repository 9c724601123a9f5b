"""Figures of stored arrays. Each stands alone: pyplot's global state is never touched."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.files import write_file
from mgr_jax.reports.fonts import choose_fonts, drawable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NEEDS_MATPLOTLIB = "drawing needs matplotlib; run pip install 'mgr-jax[report]'"

# Paul Tol's "bright" scheme: told apart with every common kind of colour blindness.
COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB")


def draw_confusion(matrix: np.ndarray, classes: Sequence[str], title: str) -> "Figure":
    """Draws a confusion matrix: counts as text (no text: 0), shares of the true class as colour.

    Args:
      matrix: counts [true, predicted].
      classes: names in the order of rows and columns; made for 2 to about 20.
      title: what was predicted, e.g. `test split, per track`.

    Returns:
      The figure.

    Raises:
      ValueError: the matrix is not square, or its size is not the number of classes.
    """
    size = len(classes)
    if np.shape(matrix) != (size, size):
        raise ValueError(f"the matrix has shape {np.shape(matrix)}; {size} classes need a square")
    classes = list(map(drawable, classes))
    support = np.sum(matrix, axis=1, keepdims=True)
    share = matrix / np.maximum(support, 1)
    side, label_room = 0.45 * size, 0.075 * max(map(len, classes))  # inches
    figure = make_figure(3.2 + side + label_room, 1.6 + side + 0.7 * label_room, title)
    axes = figure.add_subplot()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    ticks = range(size)
    axes.set_xticks(ticks, classes, rotation=45, ha="right", rotation_mode="anchor")
    names = [f"{name} ({int(n)})" for name, n in zip(classes, support[:, 0], strict=True)]
    axes.set_yticks(ticks, names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (count)")
    for true, predicted in np.argwhere(matrix):
        colour = "white" if share[true, predicted] > 0.5 else "black"
        count = str(int(matrix[true, predicted]))
        axes.text(predicted, true, count, ha="center", va="center", color=colour, fontsize=9)
    figure.colorbar(image, ax=axes, label="share of the row", shrink=0.8)
    return figure


def draw_per_class(rows: Sequence[Mapping[str, Any]], title: str) -> "Figure":
    """Draws the recall of every class with its interval.

    Args:
      rows: those of `evaluation.per_class`; a class without support keeps an empty line.
      title: what was predicted.

    Returns:
      The figure.
    """
    figure = make_figure(6.5, 1.3 + 0.32 * len(rows), title)
    axes = figure.add_subplot()
    known = [(i, *row["recall"]) for i, row in enumerate(rows) if row["recall"][0] is not None]
    position, value, low, high = np.array(known, float).reshape(-1, 4).T
    axes.hlines(position, low, high, color=COLOURS[0], linewidth=2)
    axes.plot(value, position, "o", color=COLOURS[0])
    names = [f"{drawable(row['class'])} ({row['support']})" for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("recall with its interval")
    axes.grid(axis="x", alpha=0.3)
    return figure


def draw_reliability(reliability: Mapping[str, np.ndarray], title: str) -> "Figure":
    """Draws a reliability diagram: on the diagonal, probabilities equal frequencies.

    Args:
      reliability: `confidence` and `frequency` in [0, 1], NaN in empty bins, and `count` of every
        bin, as `evaluation.reliability` returns them.
      title: what was predicted.

    Returns:
      The figure.
    """
    confidence, frequency, count = (reliability[k] for k in ("confidence", "frequency", "count"))
    figure = make_figure(4.6, 5.0, title)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], "--", color=COLOURS[6])
    there = count > 0
    upper.plot(confidence[there], frequency[there], "o-", color=COLOURS[0])
    upper.set_ylabel("share that came true")
    upper.set_xlim(-0.02, 1.02)
    upper.set_ylim(-0.02, 1.02)
    edges = np.linspace(0, 1, len(count) + 1)
    lower.stairs(count, edges, fill=True, color=COLOURS[0])
    lower.set_ylabel("answers")
    lower.set_xlabel("probability")
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    return figure


def draw_comparison(
    names: Sequence[str], scores: Sequence[Sequence[float | None]], metric: str, title: str
) -> "Figure":
    """Draws one score of several systems, each with its interval.

    Args:
      names: of the systems, top to bottom.
      scores: [value, low, high] of each; None leaves a part out.
      metric: the name of the score.
      title: the scored split.

    Returns:
      The figure.
    """
    names = list(map(drawable, names))
    figure = make_figure(5 + 0.09 * max(map(len, names)), 1.3 + 0.32 * len(names), title)
    axes = figure.add_subplot()
    value, low, high = np.array(scores, float).reshape(-1, 3).T
    rows = np.arange(len(names))
    axes.hlines(rows, low, high, color=COLOURS[0], linewidth=2)
    axes.plot(value, rows, "o", color=COLOURS[0])
    axes.set_yticks(rows, names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(f"{metric} with its interval")
    axes.grid(axis="x", alpha=0.3)
    return figure


def draw_history(
    steps: Sequence[float], series: Mapping[str, Sequence[float]], title: str
) -> "Figure":
    """Draws curves over training steps: losses on the left, other metrics on the right.

    Args:
      steps: [points], the steps at which anything was logged.
      series: values [points] by name, NaN if not logged; names with `loss` go to the left.
      title: the name of the run.

    Returns:
      The figure.

    Raises:
      ValueError: there is no series.
    """
    losses = {name: values for name, values in series.items() if "loss" in name}
    others = {name: values for name, values in series.items() if "loss" not in name}
    panels = [(label, part) for label, part in (("loss", losses), ("metric", others)) if part]
    if not panels:
        raise ValueError("no series to draw; give at least one, e.g. {'train/loss': [...]}")
    figure = make_figure(5.0 * len(panels), 3.6, title)
    for place, (label, part) in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), place)
        for number, (name, values) in enumerate(part.items()):
            logged = np.isfinite(values)
            axes.plot(
                np.asarray(steps)[logged],
                np.asarray(values)[logged],
                color=COLOURS[number % len(COLOURS)],
                marker="." if logged.sum() < 30 else "",
                label=drawable(name),
            )
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return figure


def figure_to_image(figure: "Figure") -> np.ndarray:
    """Renders a figure as uint8 [height, width, 3], for TensorBoard."""
    choose_fonts(figure)
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]


def save_figure(figure: "Figure", path: Path) -> None:
    """Writes a figure as a .png file, whole or not at all."""
    choose_fonts(figure)
    write_file(path, lambda file: figure.savefig(file, format="png"))


def require_matplotlib() -> None:
    """Checks that figures can be drawn, before the work starts.

    Raises:
      UserError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise UserError(_NEEDS_MATPLOTLIB, code="package.missing")


def make_figure(width: float, height: float, title: str) -> "Figure":
    """Makes a figure with only a title, on a canvas that needs no display.

    Args:
      width: in inches.
      height: in inches.
      title: of the whole figure.

    Returns:
      The figure.

    Raises:
      ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(_NEEDS_MATPLOTLIB) from error
    figure = Figure(figsize=(width, height), dpi=120, layout="compressed")
    FigureCanvasAgg(figure)
    figure.suptitle(drawable(title), wrap=True)
    return figure
