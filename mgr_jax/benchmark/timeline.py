"""Measures how well a model's timeline finds genre boundaries, on spliced tracks of its dataset."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from mgr_jax.benchmark.record import Benchmark
from mgr_jax.benchmark.splices import PIECES, rates_with_intervals
from mgr_jax.benchmark.timeline_study import (
    LEAST_RECALL,
    MOST_SPURIOUS,
    TOLD_APART,
    TimelineStudy,
)
from mgr_jax.decisions import Timeline
from mgr_jax.reports.report import markdown_table, markdown_text


def benchmark_timeline(
    model: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Benchmark:
    """Measures on spliced test tracks how well boundaries between genres are found.

        report = mgr_jax.benchmark_timeline("runs/a")
        report.save(markdown="timeline.md")

    The settings are chosen on splices of validation tracks, see `choose_timeline`; test tracks only
    report. For comparison, the model's own settings and its bare windows are scored too.

    Args:
      model: a trained single_label run on audio.
      data_dir: the TFDS folder, if it has moved since training.
      progress: show bars.

    Returns:
      The numbers, as a page when printed.

    Raises:
      UserError: see `choose_timeline`.
    """
    study = TimelineStudy(model, data_dir, None, progress)
    chosen, found = study.choose("validation")
    material = study.hear("test")
    every = range(len(study.predictor.classes))
    rows = []
    for name, timeline in (
        ("chosen on validation", chosen),
        ("the model's own", study.own),
        ("windows alone", Timeline(hop=study.window)),
    ):
        figures = rates_with_intervals(*study.count(material, timeline, study.classes))
        all_pure = rates_with_intervals(*study.count(material, timeline, every))
        figures["spurious_per_10_min_all_genres"] = all_pure["spurious_per_10_min"]
        rows.append({"settings": name, **dataclasses.asdict(timeline), "test": figures})
    content = {
        "model": study.folder.name,
        "validation": found,
        "rows": rows,
        "splices": len(material.splices),
        "boundaries": len(material.splices) * (PIECES - 1),
        "pure_minutes": sum(h.length for h in material.pure_of(study.classes)) / study.rate / 60,
        "aims": {"recall": LEAST_RECALL, "spurious_per_10_min": MOST_SPURIOUS},
    }
    return Benchmark(content, format_timeline(content))


def format_timeline(report: Mapping[str, Any]) -> str:
    """The content of `benchmark_timeline` as a page in Markdown."""
    found, aims = report["validation"], report["aims"]
    text = (
        "Written by `mgr-jax benchmark timeline`. Pieces of 8 to 20 s (or as long as the tracks) "
        f"of different genres were joined, {PIECES} to a splice, every other time with a "
        "cross-fade of 50 ms. A boundary is found where a section begins within "
        f"{found['tolerance']:.3g} s of it; the model listens to windows of {found['window']:.3g} "
        "s. Spurious sections are those beyond the first in clips of one track; short tracks are "
        f"repeated to 30 s. Used are the {len(found['classes'])} of {found['of_classes']} genres "
        f"of which the model tells {TOLD_APART:.0%} of the validation windows right: "
        f"{', '.join(map(markdown_text, found['classes']))}. {found['tried']} settings were tried, "
        f"on {found['splices']} splices of validation tracks; on them the chosen ones find "
        f"{found['recall']:.1%} of the boundaries, {found['precision']:.1%} of those found are "
        f"true, and there are {found['spurious_per_10_min']:.2f} spurious sections in 10 minutes."
    )
    measured = (
        f"On {report['boundaries']} boundaries in {report['splices']} splices of test tracks, and "
        f"{report['pure_minutes']:.0f} minutes of pure clips, with 95 % intervals (bootstrap over "
        f"splices and clips). The aims were {aims['recall']:.0%} of the boundaries, and at most "
        f"{aims['spurious_per_10_min']:g} spurious section in 10 minutes."
    )
    rows = [
        {
            "settings": row["settings"],
            **{name: _setting(row[name]) for name in ("hop", "smoothing", "hysteresis")},
            "shortest": _setting(row["min_length"]),
            "boundaries found": _share(row["test"]["recall"]),
            "found that are true": _share(row["test"]["precision"]),
            "spurious in 10 min": _rate(row["test"]["spurious_per_10_min"]),
            "of all genres": _rate(row["test"]["spurious_per_10_min_all_genres"]),
        }
        for row in report["rows"]
    ]
    return "\n".join(["# Timeline", "", text, "", measured, "", markdown_table(rows), ""])


def _setting(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"


def _share(figures: Sequence[float | None]) -> str:
    return _interval([None if x is None else 100 * x for x in figures], "{:.1f}") + " %"


def _rate(figures: Sequence[float | None]) -> str:
    return _interval(figures, "{:.2f}")


def _interval(figures: Sequence[float | None], form: str) -> str:
    value, low, high = ("–" if x is None else form.format(x) for x in figures)
    return f"{value} [{low}, {high}]"
