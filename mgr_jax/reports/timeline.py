"""A figure of the genres over time, above the sound itself."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mgr_jax.reports.figures import COLOURS, make_figure
from mgr_jax.reports.fonts import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN = len(COLOURS) - 1  # classes with a colour of their own; grey is for the others
_GREY = COLOURS[-1]
_COLUMNS = 1500  # of the areas, at most
_WIDTH, _TEXT_WIDTH = 12.0, 9.0  # inches, of the figure and of what is in the axes
_BESIDE = 1.8  # inches, of names beside them
_LETTER = 0.075  # inches
_TITLE = 100  # letters
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)  # seconds
_MOST_TICKS = 12
_PITCHES = (250, 500, 1000, 2000, 4000, 8000, 16_000)  # Hz


def draw_timeline(
    edges: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    sections: Sequence[tuple[float, float, Sequence[str]]],
    title: str,
    overview: Mapping[str, np.ndarray] | None = None,
) -> "Figure":
    """Draws the sections by name, the probabilities behind them, and the sound.

    For single-label models, the probabilities are drawn as stacked areas. Tags are independent, so
    each is drawn as a strip. The classes that are the most probable over the whole track have a
    colour each; the others share one.

    Args:
      edges: of the moments in seconds, [moments + 1].
      probabilities: [moments, classes].
      classes: names of the columns.
      sections: (start, end, names of the reported classes, or other text).
      title: such as the name of the file.
      overview: of the sound: `low` and `high` [columns] in [-1, 1], `mel` [columns, bands] in dB
        and `frequencies` [bands] in Hz, see `audio.overview.make_overview`; None: not drawn.

    Returns:
      The figure.
    """
    length = float(edges[-1])
    order = _rank(edges, probabilities, classes, sections)
    shown, rest = order[:_SHOWN], order[_SHOWN:]
    colours = dict.fromkeys(classes, _GREY)
    colours |= {classes[column]: colour for column, colour in zip(shown, COLOURS, strict=False)}
    heights = [0.55, 2.6] + ([1.0, 1.7] if overview else [])
    figure = make_figure(_WIDTH, 1.1 + sum(heights), _cut(title))
    rows = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    _draw_sections(rows[0], sections, colours, length)
    times, values = _columns(edges, probabilities)
    if np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        _draw_areas(rows[1], times, values, classes, shown, rest)
    else:
        _draw_strips(rows[1], times, values, classes, shown)
    if overview:
        _draw_envelope(rows[2], overview, length)
        _draw_mel(rows[3], overview, length)
    ticks = _ticks(length)
    rows[-1].set_xlim(0, length)
    rows[-1].set_xticks(ticks, [_clock(tick, length) for tick in ticks])
    rows[-1].set_xlabel("time (m:ss)" if length < 3600 else "time (h:mm)")
    return figure


def _rank(
    edges: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    sections: Sequence[tuple[float, float, Sequence[str]]],
) -> list[int]:
    """Columns: those told, by how long, then the others, by how probable they are."""
    told = dict.fromkeys(classes, 0.0)
    for start, end, names in sections:
        for name in names:
            told[name] = told.get(name, 0.0) + end - start
    mean = np.average(probabilities, axis=0, weights=np.diff(edges))
    return sorted(range(len(classes)), key=lambda i: (-told[classes[i]], -mean[i]))


def _columns(edges: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges and means of as many columns as a picture has, where there are more moments."""
    if len(probabilities) <= _COLUMNS:
        return edges, probabilities
    sums = np.vstack([np.zeros(probabilities.shape[1]), probabilities * np.diff(edges)[:, None]])
    sums = np.cumsum(sums, axis=0)
    times = np.linspace(edges[0], edges[-1], _COLUMNS + 1)
    whole = np.stack([np.interp(times, edges, column) for column in sums.T], axis=1)
    return times, np.diff(whole, axis=0) / np.diff(times)[:, None]


def _draw_sections(
    axes: "Axes",
    sections: Sequence[tuple[float, float, Sequence[str]]],
    colours: Mapping[str, str],
    length: float,
) -> None:
    for start, end, names in sections:
        colour = colours.get(names[0], "white")
        axes.axvspan(start, end, facecolor=colour, edgecolor="black", linewidth=0.6)
        room = (end - start) / length * _TEXT_WIDTH
        axes.text(
            (start + end) / 2,
            0.5,
            _fit(", ".join(names), room),
            ha="center",
            va="center",
            fontsize=9,
            color="white" if colour in _DARK else "black",
            clip_on=True,
        )
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_ylabel("sections", rotation=0, ha="right", va="center")
    axes.tick_params(bottom=False)


def _draw_areas(
    axes: "Axes",
    times: np.ndarray,
    values: np.ndarray,
    classes: Sequence[str],
    shown: Sequence[int],
    rest: Sequence[int],
) -> None:
    below = np.zeros(len(values) + 1)
    layers = [(classes[i], values[:, i], c) for i, c in zip(shown, COLOURS, strict=False)]
    if rest:
        layers.append((f"{len(rest)} others", values[:, rest].sum(axis=1), _GREY))
    for name, layer, colour in layers:
        above = below + np.append(layer, layer[-1])
        label = _fit(name, _BESIDE)
        axes.fill_between(
            times, below, above, step="post", facecolor=colour, linewidth=0, label=label
        )
        below = above
    axes.set_ylim(0, 1)
    axes.set_ylabel("probability")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(  # the topmost layer first
        handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False
    )


def _draw_strips(
    axes: "Axes",
    times: np.ndarray,
    values: np.ndarray,
    classes: Sequence[str],
    shown: Sequence[int],
) -> None:
    # Tags are seldom near 1; the largest that is shown, rounded up, fills a strip.
    largest = max(np.ceil(10 * values[:, shown].max()) / 10, 0.1)
    floors = np.arange(len(shown))[::-1]  # the most important on top
    for floor, column, colour in zip(floors, shown, COLOURS, strict=False):
        layer = np.append(values[:, column], values[-1, column])
        above = floor + 0.9 * layer / largest
        axes.fill_between(times, floor, above, step="post", facecolor=colour, linewidth=0)
        axes.axhline(floor, color=_GREY, linewidth=0.6)
    names = [_fit(classes[column], _BESIDE) for column in shown]
    axes.set_ylim(0, len(shown))
    axes.set_yticks(floors + 0.45, names)
    axes.set_ylabel(f"probability, 0 to {largest:.1f}")
    axes.tick_params(axis="y", length=0)


def _draw_envelope(axes: "Axes", overview: Mapping[str, np.ndarray], length: float) -> None:
    low, high = overview["low"], overview["high"]
    times = np.linspace(0, length, len(low) + 1)
    axes.fill_between(
        times,
        np.append(low, low[-1]),
        np.append(high, high[-1]),
        step="post",
        facecolor="#444444",
        linewidth=0,
    )
    most = max(float(np.abs([low, high]).max()), 1e-3)
    axes.set_ylim(-most, most)
    axes.set_yticks([])
    axes.set_ylabel("waveform")


def _draw_mel(axes: "Axes", overview: Mapping[str, np.ndarray], length: float) -> None:
    mel, frequencies = overview["mel"], overview["frequencies"]
    axes.imshow(
        mel.T,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(0, length, -0.5, len(frequencies) - 0.5),
        cmap="magma",
        vmin=-80,
        vmax=0,
    )
    pitches = [hz for hz in _PITCHES if frequencies[0] <= hz <= frequencies[-1]]
    places = np.interp(pitches, frequencies, np.arange(len(frequencies)))
    axes.set_yticks(places, [f"{hz / 1000:g}k" if hz >= 1000 else str(hz) for hz in pitches])
    axes.set_ylabel("Hz (mel scale)")


_DARK = (COLOURS[0], COLOURS[2], COLOURS[5])  # on which text is white


def _fit(text: str, inches: float) -> str:
    """As much of a text as there is room for, drawable; nothing, where that would be little."""
    for letters in range(len(text), 2, -1):
        shown = drawable(text[:letters] + ("…" if letters < len(text) else ""))
        # Letters of East Asia are twice as wide.
        if sum(2 if ord(letter) > 0x2E7F else 1 for letter in shown) * _LETTER <= inches:
            return shown
    return drawable(text) if len(text) * _LETTER <= inches else ""


def _ticks(length: float) -> np.ndarray:
    """Round times in seconds, a dozen at most."""
    step = next((s for s in _STEPS if length / s <= _MOST_TICKS), 86_400)
    return np.arange(0, length + 1e-9, step)


def _clock(seconds: float, length: float) -> str:
    """Minutes and seconds, of a long sound hours and minutes."""
    whole, part = divmod(round(seconds if length < 3600 else seconds / 60), 60)
    return f"{whole}:{part:02d}"


def _cut(title: str) -> str:
    return title if len(title) <= _TITLE else f"{title[:_TITLE]}…"
