"""The page of an audit: Markdown and a plot."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mgr_jax.reports.figures import COLOURS, make_figure
from mgr_jax.reports.report import markdown_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST_LIST = 20  # of names or pairs; audit.json holds all


def format_audit(result: dict[str, Any], picture: str = "") -> str:
    """The page of an audit, in Markdown.

    Args:
      result: the fields of an `Audit`.
      picture: the file of a plot, to be shown; "" for none.
    """
    lines = [f"# Audit of {markdown_text(result['source'])}", ""]
    lines += [*(f"- {markdown_text(sentence)}" for sentence in result["summary"]), ""]
    lines += _format_splits(result["splits"], result["apart"]) if result["splits"] else []
    if result["copies"]:
        lines += ["## Copies of tracks that published lists score", ""]
        rows = [f"| {markdown_text(a)} | {markdown_text(b)} |" for a, b in result["copies"].items()]
        lines += ["| trained on | is scored as |", "|---|---|", *_shorten(rows), ""]
    pairs, what = result["duplicates"]["pairs"], result["duplicates"]["what"]
    if result["splits"]:
        lines += [f"## The same {what} across splits", ""]
        lines += _format_pairs([pair for pair in pairs if pair["across"]])
    lines += [f"## The same {what}{', other pairs' if result['splits'] else ''}", ""]
    lines += _format_pairs([pair for pair in pairs if not pair["across"]])
    if picture:
        lines += [f"![bit error rates of the pairs that were compared]({picture})", ""]
    if result["unreadable"]:
        lines += ["## Left out", ""]
        lines += [
            f"- {markdown_text(name)}: {markdown_text(why)}"
            for name, why in result["unreadable"].items()
        ]
        lines.append("")
    if result["notes"]:
        lines += ["## Used, but not as they are", ""]
        told = [text for sentences in result["notes"].values() for text in sentences]
        lines += [*_shorten([f"- {markdown_text(text)}" for text in told]), ""]
    return "\n".join(lines)


def _format_splits(splits: dict[str, Any], apart: Sequence[str]) -> list[str]:
    lines = [
        "## Tracks, artists and other columns on both sides",
        "",
        "| column | must not cross | tracks that have it | values | in several splits | tracks |",
        "|---|---|---|---|---|---|",
    ]
    crossing = []
    for name, column in splits["columns"].items():
        tracks = ", ".join(f"{count} {split}" for split, count in column["affected"].items())
        lines.append(
            f"| {markdown_text(name)} | {'yes' if name in apart else 'no'} | {column['known']} "
            f"| {column['values']} | {len(column['crossing'])} | {markdown_text(tracks) or '-'} |"
        )
        if name in apart:
            crossing += [
                markdown_text(f"- {name} {value}: {', '.join(names)}")
                for value, names in column["crossing"].items()
            ]
    return [*lines, "", *_shorten(crossing), *([""] if crossing else [])]


def _format_pairs(pairs: Sequence[dict[str, Any]]) -> list[str]:
    if not pairs:
        return ["None.", ""]
    timed = "seconds" in pairs[0]
    lines = ["| track | at | track | at |" + (" seconds | bit error rate |" if timed else "")]
    lines.append("|---" * lines[0].count(" |") + "|")
    rows = []
    for pair in pairs:
        cells = []
        for side in ("first", "second"):
            split, at = pair[f"{side}_split"], pair[f"{side}_at"]
            cells.append(markdown_text(pair[side] + (f" ({split})" if split else "")))
            cells.append(_clock(at) if timed else f"row {at}")
        if timed:
            cells += [f"{pair['seconds']:.1f}", f"{pair['bit_error_rate']:.3f}"]
        rows.append(f"| {' | '.join(cells)} |")
    return [*lines, *_shorten(rows), ""]


def _clock(seconds: float) -> str:
    """Seconds as m:ss.s."""
    tenths = round(10 * seconds)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def _shorten(lines: list[str]) -> list[str]:
    more = len(lines) - _LONGEST_LIST
    if more <= 0:
        return lines
    return [*lines[:_LONGEST_LIST], "", f"… and {more} more, all of them in audit.json."]


def draw_bit_error_rates(rates: Sequence[float], limit: float, title: str) -> "Figure":
    """Draws a histogram of the bit error rates of candidate pairs, and the limit of duplicates.

    Args:
      rates: of the candidate pairs, in [0, 1].
      limit: the highest rate of a duplicate.
      title: of the figure.

    Returns:
      The figure.
    """
    figure = make_figure(6.5, 3.2, title)
    axes = figure.add_subplot()
    counts, *_ = axes.hist(rates, bins=60, range=(0, 0.6), color=COLOURS[0])
    axes.axvline(limit, color=COLOURS[1], label=f"duplicates: up to {limit:g}")
    axes.set_yscale("symlog", linthresh=10)  # a few duplicates show beside many other pairs
    axes.set_ylim(0, max(10.0, 1.2 * float(np.max(counts))))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("bit error rate where two tracks are most alike")
    axes.set_ylabel("pairs of tracks")
    axes.legend(fontsize=8)
    return figure
