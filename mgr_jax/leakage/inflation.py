"""Measures how much leaking raises scores: one model's scores by row, by track and by artist."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from mgr_jax.errors import unknown_name
from mgr_jax.evaluation import Predictions, Protocol, evaluate, paired_difference
from mgr_jax.evaluation.protocol import LEAKING

# From the protocol that leaks most to the one that leaks least.
BY = {"row_random": "by row", "stratified_kfold": "by track", "artist_kfold": "by artist"}


def inflation(
    tables: Mapping[str, Predictions],
    *,
    metric: str = "accuracy",
    aggregation: str = "probabilities",
    **options: Any,
) -> dict[str, Any]:
    """Compares one model's scores on the same tracks under protocols that leak less and less.

    Args:
      tables: predictions of all tracks by protocol, some of BY.
      metric: a metric of `evaluate`.
      aggregation: how segments become tracks.
      **options: options of `bootstrap_intervals`.

    Returns:
      A dict ready for JSON, for "segment" and "track": `scores` `{protocol: [value, low, high]}`
      and `differences` `{"a - b": [value, low, high]}` of each protocol to the next and of the
      first to the last, with intervals paired over the tracks.

    Raises:
      ValueError: the tables are of different tracks.
    """
    names = [name for name in BY if name in tables]
    scored = {name: evaluate(tables[name], aggregation=aggregation, **options) for name in names}
    levels = {
        "segment": dict(tables),
        "track": {name: tables[name].by_track(aggregation) for name in names},
    }
    return {
        level: {
            "scores": {name: scored[name][level][metric] for name in names},
            "differences": {
                f"{a} - {b}": paired_difference(some[a], some[b], metric, **options)
                for a, b in _pairs(names)
            },
        }
        for level, some in levels.items()
    }


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each with the next, and the first with the last."""
    ends = [(names[0], names[-1])] if len(names) > 2 else []
    return [*pairwise(names), *ends]


def inflation_rows(system: str, result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The result of `inflation` as rows of a table: one per level, if levels differ.

    If every track is one row, the protocols by row and by track are equal and differ only by the
    random folds; no difference is shown.
    """
    rows = []
    one_row = result["segment"] == result["track"]
    for level in ("track",) if one_row else ("segment", "track"):
        scores, differences = result[level]["scores"], result[level]["differences"]
        row: dict[str, Any] = {"system": system, "level": level}
        for name, value in scores.items():
            row[BY[name] + (" (LEAKS)" if name in LEAKING else "")] = value
        for a, b in _pairs(list(scores)):
            if one_row and (a, b) == ("row_random", "stratified_kfold"):
                continue
            one, other = (BY[name].removeprefix("by ") for name in (a, b))
            row[f"{one} − {other}"] = differences[f"{a} - {b}"]
        rows.append(row)
    return rows


def choose_metric(metric: str | None, task: str, classes: Sequence[str]) -> str:
    """The metric, or for None the usual one of a task.

    Args:
      metric: name of a metric, or None.
      task: "single_label" or "multi_label".
      classes: number of classes.

    Raises:
      UserError: the task has no such metric.
    """
    count = len(classes)
    table = Predictions(
        track=np.array(["a", "b"]),
        start=np.zeros(2),
        end=np.ones(2),
        probabilities=np.full((2, count), 1 / count),
        label=np.arange(2) if task == "single_label" else np.eye(2, count),
        classes=tuple(classes),
        task=task,
        split="",
        protocol=Protocol("dataset"),
    )
    known = evaluate(table, resamples=2)["track"]
    if metric and metric not in known:
        raise unknown_name("metric", metric, known)
    return metric or ("accuracy" if task == "single_label" else "average_precision")
