"""The report of a scored run: its scores, those of other runs, its classes and its training."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgr_jax.errors import UserError, printable
from mgr_jax.evaluation import (
    AGGREGATIONS,
    Result,
    confusion_matrix,
    find_results,
    format_interval,
    load_result,
    per_class,
    reliability,
    same_tracks,
)
from mgr_jax.files import require_folder
from mgr_jax.model_folder import find_model
from mgr_jax.reports import require_matplotlib, write_page
from mgr_jax.reports.report import History
from mgr_jax.training.summary import read_metrics

_CURVES = (
    "train/loss",
    "train/accuracy",
    "validation/track/log_loss",
    "validation/track/accuracy",
)


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Attributes:
      path: path of `report.md`; its pictures lie beside it.
      split: the split whose tracks were scored.
      metric: the metric that `str(report)` shows, "accuracy" or "average_precision".
      confidence: confidence of the intervals, such as 0.95.
      rows: one per system, and one for always predicting the most frequent class: the name as
        `system` and the track scores, each as [value, low, high]. A system whose protocol leaks is
        marked.
    """

    path: Path
    split: str
    metric: str
    confidence: float
    rows: tuple[dict[str, Any], ...]

    def __str__(self) -> str:
        """A line for each system, and the path of the report."""
        lines = [f"{self.split} tracks, {self.metric} with {100 * self.confidence:g} % interval:"]
        lines += [f"  {row['system']:<32} {format_interval(row[self.metric])}" for row in self.rows]
        return "\n".join(map(printable, [*lines, f"Wrote {self.path}"]))


def write_report(
    run: str | os.PathLike[str],
    *,
    split: str = "test",
    compare: Iterable[str | os.PathLike[str]] = (),
    aggregation: str | None = None,
) -> Report:
    """Writes `report.md` with scores, confusion matrix and training curves of a scored run.

        report = mgr_jax.write_report("runs/a", compare=["runs/svm"])
        print(report)

    It reads the scores that `evaluate` has kept, and predicts nothing. The report goes to `report/`
    in the folder of the run, or to `report/<split>/` for splits other than "test".

    Args:
      run: the folder of a scored run.
      split: a split that was scored.
      compare: further scored runs, or folders of several, to show for comparison.
      aggregation: how segments become tracks, see `evaluation.AGGREGATIONS`; None: as each run was
        scored.

    Returns:
      The report; as text when printed.

    Raises:
      UserError: a run was not scored on the split, or not on the same tracks and classes;
        matplotlib is missing; or the folder cannot be written.
    """
    folder = find_model(run)
    paths = [folder, *find_results(map(find_model, compare), split)]
    results = [load_result(path, split, aggregation) for path in paths]
    first = results[0]
    for other in results[1:]:
        if not same_tracks(first.tracks, other.tracks):
            raise UserError(
                f"{folder} and {other.path} were not scored on the same tracks and classes; "
                "evaluate both on one dataset, or use mgr-jax compare, which shows both",
                code="comparison.other_tracks",
            )
    require_matplotlib()
    target = folder / "report" / ("" if split == "test" else split)
    require_folder(target)
    rows, tracks = _rows(results), first.tracks
    single = tracks.task == "single_label"
    probable = not first.segments.only_decisions
    path = write_page(
        target,
        title=f"{first.system}: {split} tracks",
        summary_rows=rows,
        matrix=confusion_matrix(tracks) if single else None,
        classes=tracks.classes,
        per_class_rows=per_class(tracks),
        reliability=reliability(tracks.label, tracks.probabilities) if probable else None,
        history=_history(folder / "metrics.jsonl"),
        notes=list(map(_note, results)),
    )
    metric = "accuracy" if single else "average_precision"
    return Report(path, split, metric, first.scores["confidence"], tuple(rows))


def _rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Names and track scores of systems; systems of the same name get their folders added."""
    names = [result.system for result in results]
    rows = [
        {
            "system": f"{name} ({result.path.name})" if names.count(name) > 1 else name,
            **result.scores["track"],
        }
        for name, result in zip(names, results, strict=True)
    ]
    if majority := results[0].scores.get("majority"):
        rows.append({"system": f"majority class ({majority['class']})", **majority["track"]})
    return rows


def _note(result: Result) -> str:
    """Protocol, number of tracks and aggregation of a system's scores, as a sentence."""
    scores = result.scores
    return (
        f"{result.system}: {result.protocol.sentence}; {scores['tracks']} tracks by "
        f"{AGGREGATIONS[scores['aggregation']]}, {100 * scores['confidence']:g} % bootstrap "
        "intervals over tracks."
    )


def _history(path: Path) -> History | None:
    """The curves of a training log, see `draw_history`; None if there is no log."""
    if not path.is_file():
        return None
    rows = read_metrics(path)
    steps = sorted({row["step"] for row in rows})
    logged = [name for name in _CURVES if any(name in row for row in rows)]
    series = {name: [float("nan")] * len(steps) for name in logged}
    for row in rows:
        for name in logged:
            if row.get(name) is not None:
                series[name][steps.index(row["step"])] = row[name]
    return (steps, series) if series else None
