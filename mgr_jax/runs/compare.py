"""Compares scored runs in one table, and marks the differences that are more than noise."""

import csv
import importlib.util
import io
import logging
import math
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgr_jax.errors import UserError, unknown_name
from mgr_jax.evaluation import (
    AGGREGATIONS,
    LOWER_IS_BETTER,
    Result,
    find_results,
    load_result,
    mcnemar,
    paired_difference,
    same_tracks,
)
from mgr_jax.files import expand, require_folder, together, write_text
from mgr_jax.model_folder import find_model
from mgr_jax.reports import draw_comparison, markdown_table, markdown_text, save_figure
from mgr_jax.runs.comparison_text import format_comparison

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Compared runs, the best first; runs that cannot be compared come last.

    Attributes:
      results: the results of the runs.
      reference: the result that the others are compared to.
      metric: the metric that is compared.
      rows: all numbers of every run: `system`, `run` (its folder), `protocol` (a sentence),
        `leaks`, `split`, `tracks`, `repeats`, their `standard_deviation`, `parameters`, `seconds`,
        every metric of the tracks as [value, low, high], `difference` to the reference as
        [value, low, high] and `mcnemar`, both empty if there is no comparison, and `compared`:
        True, False or "reference".
      picked: whether the reference is simply the run that scored best here.
    """

    results: tuple[Result, ...]
    reference: Result
    metric: str
    rows: tuple[dict[str, Any], ...]
    picked: bool

    def markdown(self) -> str:
        """The table as Markdown, with notes on how to read it."""
        shown = self.metric.replace("_", " ")
        table = markdown_table([_cells(row, shown) for row in self.rows])
        return table + "\n\n" + "\n".join(f"- {markdown_text(note)}" for note in self._notes(shown))

    def __str__(self) -> str:
        """The best runs as a terminal shows them, and the notes."""
        shown = self.metric.replace("_", " ")
        cells = [_cells(row, shown) for row in self.rows]
        return format_comparison(self.rows, self.metric, cells, self._notes(shown))

    def save(self, folder: str | Path) -> Path:
        """Writes compare.md, compare.csv and, if matplotlib is installed, compare.png.

        Args:
          folder: the folder to write to.

        Returns:
          The path of compare.md.
        """
        out = expand(folder)
        require_folder(out)
        title = f"Comparison: {self.rows[0]['split']} tracks"
        parts = [f"# {title}", self.markdown()]
        with together(out) as new:
            if importlib.util.find_spec("matplotlib"):
                save_figure(self._draw(title), new / "compare.png")
                parts.append(f"![{self.metric} of every run](compare.png)")
            else:
                told = "no picture: drawing needs matplotlib; run pip install 'mgr-jax[report]'"
                log.warning(told)
            write_text(new / "compare.csv", _as_csv(self.rows))
            write_text(new / "compare.md", "\n\n".join(parts) + "\n")
        return out / "compare.md"

    def _draw(self, title: str) -> Any:
        systems = [result.system for result in self.results]
        names = [
            result.system
            + f" ({result.path.name})" * (systems.count(result.system) > 1)
            + " †" * (not row["compared"])
            for result, row in zip(self.results, self.rows, strict=True)
        ]
        scores = [result.scores["track"].get(self.metric, [None] * 3) for result in self.results]
        return draw_comparison(names, scores, self.metric.replace("_", " "), title)

    def _notes(self, shown: str) -> list[str]:
        name = f"{self.reference.system} ({self.reference.path})"
        scores = [result.scores for result in self.results]
        ways = sorted({AGGREGATIONS[one["aggregation"]] for one in scores})
        confidences = sorted({f"{100 * one['confidence']:g} %" for one in scores})
        notes = [
            f"Scores of tracks, by {' or '.join(ways)}, with {' or '.join(confidences)} bootstrap "
            "intervals over tracks."
        ]
        if any(row["difference"] for row in self.rows):
            notes.append(
                f"Differences in {shown} are to {name}, over the same tracks, with the 95 % "
                "interval of a paired bootstrap; nothing corrects for comparing several."
                + " It was chosen by these same scores, which favours it."
                * self.picked
            )
        if any(row["mcnemar"] for row in self.rows):
            notes.append(
                "McNemar's p: how likely accuracies as different as these are if the two are "
                "equally good (exact binomial below 25 tracks that only one gets right, else "
                "chi-squared with continuity correction)."
            )
        if any(_is_noise(row) for row in self.rows):
            notes.append(
                "≈ marks differences within noise: their interval contains 0, so these tracks do "
                "not show which of the two is better."
            )
        if not all(row["compared"] for row in self.rows):
            notes.append(
                "† marks runs that were scored on other tracks or classes, or by another protocol, "
                f"than {name}, or have no {shown}: a difference would say nothing."
            )
        if any(row["leaks"] for row in self.rows):
            notes.append(
                "LEAKS marks protocols whose scores are too high, for the reason given there: "
                "they do not show how well a system does on other music."
            )
        return notes


def compare(
    runs: Sequence[Result | str | os.PathLike[str]] | str | os.PathLike[str],
    split: str = "test",
    *,
    metric: str | None = None,
    baseline: str | os.PathLike[str] | None = None,
    aggregation: str | None = None,
) -> Comparison:
    """Compares scored runs, with confidence intervals of their differences.

        comparison = mgr_jax.compare([run, "runs/svm", "runs/baselines"], "test")
        print(comparison.markdown())
        comparison.save("runs/comparison")

    Differences are to the best run, or to `baseline`, over the tracks that both scored. A run with
    other tracks or a protocol that is not `comparable` is listed without a difference. A run whose
    protocol leaks is the reference only if all of them leak.

    Args:
      runs: `Run`s, `Result`s or folders that were scored before. A folder that holds scored runs
        stands for all of them, and may be given alone.
      split: a split that all of them scored.
      metric: a metric of the tracks, as `evaluate` names it; None: accuracy, or average_precision
        for tags.
      baseline: the run to compare with; None: the best one.
      aggregation: how segments become tracks; None: as each run was scored.

    Returns:
      The comparison; `markdown()` gives its table.

    Raises:
      UserError: there is no run, one was not scored on the split, `baseline` is a folder of
        several runs, or the first run has no such metric.
    """
    if isinstance(runs, str | os.PathLike):
        runs = [runs]
    if not runs:
        raise UserError(
            "there is nothing to compare; give the folders of scored runs, such as runs/a runs/b",
            code="argument.missing",
        )
    given = [one for one in runs if isinstance(one, Result)]
    paths = find_results([find_model(one) for one in runs if not isinstance(one, Result)], split)
    based = find_results([find_model(baseline)], split) if baseline else []
    if len(based) > 1:
        raise UserError(
            f"the baseline {baseline} holds {len(based)} runs; name one of them",
            code="comparison.several_runs",
        )
    paths += [path for path in based if path not in paths]
    results = given + [load_result(path, split, aggregation) for path in paths]
    # A run that leaks is the reference only if all of them leak.
    first = next((one for one in results if not one.protocol.leaks), results[0])
    if based:
        first = next(one for one in results if one.path == based[0])
    if metric is None:
        metric = "accuracy" if first.tracks.task == "single_label" else "average_precision"
    if metric not in first.scores["track"]:
        raise unknown_name("metric", metric, first.scores["track"])

    alike = [
        one for one in results if metric in one.scores["track"] and _are_comparable(one, first)
    ]
    honest = [one for one in alike if not one.protocol.leaks] or alike
    reference = first if based else max(honest, key=lambda one: _goodness(one, metric))
    results.sort(key=lambda one: (one not in alike, -_goodness(one, metric)))
    rows = [_row(one, reference, metric, compared=one in alike) for one in results]
    return Comparison(tuple(results), reference, metric, tuple(rows), picked=not based)


def _are_comparable(result: Result, first: Result) -> bool:
    return result.protocol.comparable(first.protocol) and same_tracks(result.tracks, first.tracks)


def _goodness(result: Result, metric: str) -> float:
    value = result.scores["track"].get(metric, [None])[0]
    if value is None:
        return -math.inf
    return -value if metric in LOWER_IS_BETTER else value


def _row(result: Result, reference: Result, metric: str, *, compared: bool) -> dict[str, Any]:
    """All numbers of a run; those of the comparison are None if there is none."""
    difference, test = None, {}
    if compared and result is not reference:
        try:
            difference = paired_difference(result.tracks, reference.tracks, metric)
            tables = (result.tracks, reference.tracks)
            if result.tracks.task == "single_label" and all(t.repeat is None for t in tables):
                test = mcnemar(*tables)
        except ValueError as error:
            raise UserError(
                f"{result.path} and {reference.path}: {error}", code="comparison.not_comparable"
            ) from error
    values = [x for x in result.scores.get("repeats", {}).get(metric, []) if x is not None]
    return {
        "system": result.system,
        "run": str(result.path),
        "protocol": result.protocol.sentence,
        "leaks": bool(result.protocol.leaks),
        "split": result.split,
        "tracks": result.scores["tracks"],
        "repeats": len(values) or None,
        "standard_deviation": statistics.stdev(values) if len(values) > 1 else None,
        "parameters": result.cost.get("parameters"),
        "seconds": result.cost.get("seconds"),
        **result.scores["track"],
        "difference": difference,
        "mcnemar": test,
        "compared": "reference" if result is reference else compared,
    }


def _cells(row: dict[str, Any], metric: str) -> dict[str, Any]:
    """A row as people read it."""
    apart = ("difference", "mcnemar", "compared", "standard_deviation", "leaks")
    cells = {name: row[name] for name in row if name not in apart}
    if row["standard_deviation"] is not None:
        cells["repeats"] = f"{row['repeats']}, standard deviation {row['standard_deviation']:.3f}"
    for name in ("parameters", "seconds"):
        cells[name] = None if row[name] is None else f"{row[name]:,.0f}"
    if row["compared"] == "reference":
        difference = "reference"
    elif row["difference"] is None:
        difference = "†"
    else:
        value, low, high = row["difference"]
        difference = f"{value:+.3f}" + ("" if low is None else f" [{low:+.3f}, {high:+.3f}]")
        difference += " ≈" * _is_noise(row)
    cells[f"difference in {metric}"] = difference
    p = row["mcnemar"].get("p")
    cells["McNemar p"] = None if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"
    return cells


def _is_noise(row: dict[str, Any]) -> bool:
    if row["difference"] is None:
        return False
    _, low, high = row["difference"]
    return low is None or low <= 0 <= high


def _as_csv(rows: Sequence[dict[str, Any]]) -> str:
    flat = [_flatten(row) for row in rows]
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(dict.fromkeys(name for row in flat for name in row)))
    writer.writeheader()
    writer.writerows(flat)
    return file.getvalue()


def _flatten(row: dict[str, Any]) -> dict[str, Any]:
    """A row for CSV: each number in its own column."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name == "mcnemar":
            flat |= {"mcnemar_p": value.get("p"), "mcnemar_test": value.get("test")}
        elif isinstance(value, list) or name == "difference":
            numbers = value or [None] * 3
            flat |= dict(zip((name, f"{name}_low", f"{name}_high"), numbers, strict=True))
        else:
            flat[name] = ("no", "yes")[value] if name == "leaks" else value
    return flat
