"""Compares two predictions tables of the same tracks."""

import math
from typing import Any

import numpy as np

from mgr_jax.evaluation.bootstrap import bootstrap_intervals
from mgr_jax.evaluation.predictions import Predictions, require
from mgr_jax.evaluation.scores import make_scorer, require_single_label

# With fewer pairs that differ, chi-squared is not what McNemar's statistic follows.
_FEW = 25


def same_tracks(a: Predictions, b: Predictions) -> bool:
    """Whether two tables are of the same task, classes and tracks."""
    return (a.task, a.classes) == (b.task, b.classes) and set(a.track) == set(b.track)


def paired_difference(
    a: Predictions, b: Predictions, metric: str, **options: Any
) -> list[float | None]:
    """The score of `a` minus that of `b`, with an interval over the tracks that both scored.

    The bootstrap draws tracks, each with its rows in both tables, so tracks that are hard for both
    cancel out. The tables may hold different segments and numbers of repeats. To compare scores of
    tracks, pass tables from `by_track()`.

    Args:
      a: a table.
      b: another of the same tracks.
      metric: as `evaluate` names it; top_3_accuracy with any number.
      **options: those of `bootstrap_intervals`.

    Returns:
      [difference, low, high].

    Raises:
      ValueError: other tracks, classes or task, or a metric that the tables do not have.
    """
    require(same_tracks(a, b), "the tables are not of the same tracks and classes")
    top = metric.removeprefix("top_").removesuffix("_accuracy")
    options_of_scores: dict[str, Any] = {
        "top_k": int(top) if top.isdigit() else None,
        "decisions": a.only_decisions or b.only_decisions,
    }
    rows = len(a.track)
    score_a, score_b = (make_scorer(table, **options_of_scores) for table in (a, b))

    def statistic(weights: np.ndarray) -> dict[str, np.ndarray]:
        first, second = score_a(weights[:, :rows]), score_b(weights[:, rows:])
        require(
            metric in first and metric in second,
            f"there is no {metric} in both tables; choose from {', '.join(first)}",
        )
        return {metric: first[metric] - second[metric]}

    groups = np.concatenate([a.track, b.track])
    return bootstrap_intervals(statistic, groups, **options)[metric]


def mcnemar(a: Predictions, b: Predictions) -> dict[str, Any]:
    """McNemar's test: does one table get more tracks right than the other?

    If fewer than 25 tracks are right in only one of the tables, the test is the exact binomial one;
    otherwise it is chi-squared with Edwards' continuity correction. Sources: McNemar, Note on the
    sampling error of the difference between correlated proportions, 1947; Edwards, 1948.

    Args:
      a: a single-label table, one row per track.
      b: another of the same tracks.

    Returns:
      `only_a`, `only_b` (tracks that only one gets right), `test` ("exact binomial" or "chi-squared
      with continuity correction") and `p` (two-sided).

    Raises:
      ValueError: other tracks, classes or labels, several rows per track, or multi_label tables.
    """
    require_single_label(a, "McNemar's test")
    require(same_tracks(a, b), "the tables are not of the same tracks and classes")
    order_a, order_b = np.argsort(a.track), np.argsort(b.track)
    one_each = all(len(set(table.track)) == len(table.track) for table in (a, b))
    require(one_each, "McNemar's test needs one row per track; take by_track() of single runs")
    label = a.label[order_a]
    require(bool((label == b.label[order_b]).all()), "the tables give a track different labels")
    right_a = a.probabilities.argmax(axis=1)[order_a] == label
    right_b = b.probabilities.argmax(axis=1)[order_b] == label
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    differ = only_a + only_b
    if differ < _FEW:
        tail = sum(math.comb(differ, k) for k in range(min(only_a, only_b) + 1))
        test, p = "exact binomial", min(1.0, 2 * tail / 2**differ)
    else:
        statistic = max(0, abs(only_a - only_b) - 1) ** 2 / differ
        test = "chi-squared with continuity correction"
        p = math.erfc(math.sqrt(statistic / 2))  # survival function with one degree of freedom
    return {"only_a": only_a, "only_b": only_b, "test": test, "p": p}
