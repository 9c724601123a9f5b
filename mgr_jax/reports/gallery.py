"""Pages of plots: the features of one clip by every front end, and the augmented clip."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mgr_jax.array_files import read_arrays, write_arrays
from mgr_jax.errors import UserError
from mgr_jax.files import together, write_text
from mgr_jax.reports.figures import COLOURS, make_figure, save_figure
from mgr_jax.reports.report import markdown_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PER_ROW = 3
_PITCH_CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
# Round values to label on axes that are not linear, the more important ones first.
_ROUND = {
    "Hz": (1000, 100, 10_000, 500, 5000, 200, 2000, 50),
    "BPM": (120, 60, 240, 90, 180, 360, 40),
}
_TEMPI = 300  # rows of a tempogram


@dataclasses.dataclass(frozen=True)
class Picture:
    """Features of a clip, as they are drawn.

    Attributes:
      name: title.
      values: [columns, bins, channels] float32; of lines, a column is a point.
      span: first and last second of the time axis.
      start: second at which the first column begins.
      step: seconds of a column.
      unit: of the values.
      limits: the values where colours, or the axis of lines, end; white is 0 if they are opposites.
      bin_label: what bins are: "Hz", "BPM", "pitch class", "amplitude" (lines), or another.
      bin_values: [bins] of each bin, rising; tempi fall.
      channels: their names, those of lines too; empty for one without.
      gamma: colours are even in this power of the values; below 1, soft ones are seen better.
      detail: beside the title.
      description: of the settings, for the page.
    """

    name: str
    values: np.ndarray
    span: tuple[float, float]
    start: float
    step: float
    unit: str
    limits: tuple[float, float]
    bin_label: str
    bin_values: np.ndarray
    channels: tuple[str, ...] = ()
    gamma: float = 1.0
    detail: str = ""
    description: str = ""


_ARRAYS = ("values", "bin_values")
_TUPLES = ("span", "limits", "channels")


def save_pages(path: Path, title: str, pages: Mapping[str, Sequence[Picture]]) -> None:
    """Stores pages of pictures in one .npz file.

    Args:
      path: of the file.
      title: of all pages.
      pages: pictures by the heading of their page.
    """
    arrays: dict[str, np.ndarray] = {}
    records: dict[str, list[dict[str, Any]]] = {heading: [] for heading in pages}
    for heading, pictures in pages.items():
        for number, picture in enumerate(pictures):
            record = dataclasses.asdict(picture)
            for name in _ARRAYS:
                arrays[f"{heading}/{number}/{name}"] = record.pop(name)
            records[heading].append(record)
    text = json.dumps({"title": title, "pages": records})
    arrays["index"] = np.array(text)
    write_arrays(path, arrays, compress=True)


def load_pages(path: str | Path) -> tuple[str, dict[str, list[Picture]]]:
    """Reads the file of `save_pages`.

    Args:
      path: of the file.

    Returns:
      The title, and pictures by heading.

    Raises:
      UserError: the file is damaged, or something else.
    """
    path = Path(path)
    try:
        stored = read_arrays(path)
        index = json.loads(str(stored["index"]))
        pages: dict[str, list[Picture]] = {heading: [] for heading in index["pages"]}
        for heading, records in index["pages"].items():
            for number, record in enumerate(records):
                for name in _TUPLES:
                    record[name] = tuple(record[name])
                for name in _ARRAYS:
                    record[name] = stored[f"{heading}/{number}/{name}"]
                pages[heading].append(Picture(**record))
        return index["title"], pages
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is missing or damaged; store the pictures again", code="file.damaged"
        ) from error


def write_gallery(folder: str | Path) -> Path:
    """Draws the stored pages of a folder: one .png per page, and `report.md` around them.

    Args:
      folder: holds `report_data.npz`, as `save_pages` writes it.

    Returns:
      The path of `report.md`.

    Raises:
      ImportError: matplotlib is not installed.
    """
    folder = Path(folder)
    title, pages = load_pages(folder / "report_data.npz")
    parts = [f"# {markdown_text(title)}"]
    with together(folder) as new:
        for heading, pictures in pages.items():
            image = f"{heading.lower().replace(' ', '_')}.png"
            save_figure(draw_gallery(pictures, f"{heading}: {title}"), new / image)
            lines = [
                f"- **{one.name}**{one.detail and f' ({one.detail})'}: {one.description}"
                for one in pictures
                if one.description
            ]
            parts += [f"## {heading}", f"![{heading}]({image})", "\n".join(lines)]
        write_text(new / "report.md", "\n\n".join(parts) + "\n")
    return folder / "report.md"


def draw_gallery(pictures: Sequence[Picture], title: str) -> "Figure":
    """Draws pictures in rows of three: time to the right, low frequencies at the bottom.

    Args:
      pictures: at least one.
      title: of the page.

    Returns:
      The figure.
    """
    starts = range(0, len(pictures), _PER_ROW)
    heights = [max(map(_height, pictures[i : i + _PER_ROW])) for i in starts]
    figure = make_figure(5.6 * _PER_ROW, 0.6 + 2.6 * sum(heights), title)
    # Colour bars have columns of their own, so that the time axes of a column are aligned.
    grid = figure.add_gridspec(
        len(heights), 2 * _PER_ROW, width_ratios=[40, 1] * _PER_ROW, height_ratios=heights
    )
    for number, picture in enumerate(pictures):
        row, column = divmod(number, _PER_ROW)
        axes = figure.add_subplot(grid[row, 2 * column])
        axes.set_title(picture.name, loc="left", fontsize=11, fontweight="bold")
        axes.set_title(picture.detail, loc="right", fontsize=9)
        if picture.bin_label == "amplitude":
            _draw_lines(axes, picture)
        else:
            _draw_image(axes, figure.add_subplot(grid[row, 2 * column + 1]), picture)
        axes.set_xlim(*picture.span)
        axes.set_xlabel("seconds", fontsize=9)
        axes.locator_params(axis="x", nbins=6)
        axes.tick_params(labelsize=9)
    return figure


def _height(picture: Picture) -> float:
    """Of its row: images of channels, one on top of the other, are higher."""
    return 1.0 if picture.bin_label == "amplitude" else 0.85 + 0.15 * picture.values.shape[2]


def _draw_lines(axes: "Axes", picture: Picture) -> None:
    seconds = picture.start + picture.step * (0.5 + np.arange(len(picture.values)))
    for channel, colour in zip(range(picture.values.shape[2]), COLOURS, strict=False):
        axes.plot(seconds, picture.values[:, 0, channel], color=colour, linewidth=0.7)
    axes.set_ylim(*picture.limits)
    axes.set_ylabel(picture.unit, fontsize=9)
    if picture.channels:
        axes.legend(picture.channels, loc="upper right", fontsize=8)


def _draw_image(axes: "Axes", bar: "Axes", picture: Picture) -> None:
    from matplotlib.colors import PowerNorm

    values, bin_values = picture.values, picture.bin_values
    if picture.bin_label == "BPM":
        values, bin_values = _spread_tempi(values, bin_values)
    columns, bins, channels = values.shape
    low, high = picture.limits
    image = axes.imshow(
        values.transpose(2, 1, 0).reshape(channels * bins, columns),
        cmap="RdBu_r" if low == -high else "magma",
        norm=PowerNorm(picture.gamma, low, high),
        aspect="auto",
        origin="lower",
        extent=(picture.start, picture.start + columns * picture.step, 0, channels * bins),
    )
    ticks: dict[float, str] = {}
    nearest = 0.07 * channels * bins / _height(picture)
    for channel in range(channels):
        for position, text in _bin_ticks(picture.bin_label, bin_values):
            place = channel * bins + position + 0.5
            if all(abs(place - other) > nearest for other in ticks):
                ticks[place] = text
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.set_ylabel(picture.bin_label, fontsize=9)
    for channel, name in enumerate(picture.channels):
        axes.axhline(channel * bins, color="white", linewidth=1)
        axes.annotate(
            name,
            (1, (channel + 1) / channels),
            (-3, -3),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=7,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    beyond = (values.min() < low) + 2 * (values.max() > high)
    axes.figure.colorbar(image, cax=bar, extend=("neither", "min", "max", "both")[beyond])
    bar.set_ylabel(picture.unit, fontsize=9)
    bar.tick_params(labelsize=9)


def _bin_ticks(label: str, values: np.ndarray) -> list[tuple[float, str]]:
    """Positions, in bins, and texts of round values; those that come first matter most."""
    from matplotlib.ticker import MaxNLocator

    positions = np.arange(len(values))
    if label == "pitch class":
        return list(zip(positions, _PITCH_CLASSES, strict=True))
    if len(values) < 3 or np.ptp(np.diff(values)) < 1e-6 * np.ptp(values):
        wanted = np.array(MaxNLocator(6, integer=True).tick_values(values[0], values[-1]))
    else:
        wanted = np.array(_ROUND.get(label, values))
    inside = wanted[(values[0] <= wanted) & (wanted <= values[-1])]
    texts = [f"{x / 1000:g}k" if label == "Hz" and x >= 1000 else f"{x:g}" for x in inside]
    return list(zip(np.interp(inside, values, positions), texts, strict=True))


def _spread_tempi(values: np.ndarray, tempi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows nearest to tempi that rise by equal factors, and these tempi."""
    spread = np.geomspace(tempi[-1], tempi[0], _TEMPI)
    nearest = np.abs(tempi[:, None] - spread).argmin(axis=0)
    return values[:, nearest], spread
