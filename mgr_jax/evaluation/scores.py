"""Scores of a predictions table, each with an interval from a bootstrap over tracks.

Numbers that are undefined are None here, because JSON has no NaN.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from mgr_jax.evaluation import metrics
from mgr_jax.evaluation.bootstrap import bootstrap_intervals, number, wilson_interval
from mgr_jax.evaluation.metrics import ratio
from mgr_jax.evaluation.predictions import Predictions

LOWER_IS_BETTER = ("log_loss", "calibration_error", "auxiliary_loss")


def evaluate(
    predictions: Predictions,
    *,
    aggregation: str = "probabilities",
    top_k: int | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """Scores all segments and all tracks.

    In a table of repeats, the score is the mean over the repeats. Its intervals come from drawing
    tracks, each with its rows in all repeats; if a resample leaves a repeat without rows, the
    others count. The intervals show what other tracks would give, and the list `repeats` what other
    seeds would give.

    The calibration error has no interval: it is biased upwards, and more so in every resample, so
    percentiles would lie above the value.

    A table of decisions, in which every probability is 0 or 1, has no log loss, top-k accuracy or
    calibration error.

    Args:
      predictions: one row per segment.
      aggregation: how segments become tracks; see `Predictions.by_track`.
      top_k: score whether the label is among so many classes; None: 3, or one less than there are.
      resamples: number of bootstrap resamples of tracks; a track brings all its segments.
      confidence: coverage of the intervals.
      seed: decides the resamples.

    Returns:
      A dict ready for JSON: `split`, `protocol` (its fields), `task`, `aggregation`, `confidence`,
      `tracks` and `segments` (counts; a track in several repeats counts once), `segment` and
      `track`: `{metric: [value, low, high]}`. Numbers are None as in `bootstrap_intervals`. A table
      of repeats adds `repeats`: the list of values of every track metric. For multi_label,
      `left_out` names the classes that `roc_auc` and `average_precision` leave out, because all
      their labels are alike.

    Raises:
      ValueError: there is no such aggregation, or `top_k` is not less than the number of classes.
    """
    tracks = predictions.by_track(aggregation)
    result: dict[str, Any] = {
        "split": predictions.split,
        "protocol": predictions.protocol.as_dict(),
        "task": predictions.task,
        "aggregation": aggregation,
        "confidence": confidence,
        "tracks": len(np.unique(tracks.track)),
        "segments": len(predictions.track),
    }
    if predictions.task == "multi_label":
        alike = (tracks.label == tracks.label[0]).all(axis=0)
        result["left_out"] = [predictions.classes[i] for i in np.flatnonzero(alike)]
    if top_k is not None and not 1 < top_k < len(predictions.classes):
        raise ValueError(
            f"top_k={top_k} says nothing of {len(predictions.classes)} classes; use 2 to "
            f"{len(predictions.classes) - 1}"
        )
    decisions = predictions.only_decisions
    for level, table in (("segment", predictions), ("track", tracks)):
        result[level] = bootstrap_intervals(
            partial(weighted_scores, table, top_k=top_k, decisions=decisions),
            table.track,
            resamples=resamples,
            confidence=confidence,
            seed=seed,
        )
        if not decisions:
            result[level]["calibration_error"][1:] = None, None
    if tracks.repeat is not None:
        each = [
            _scores(table, np.ones((1, len(table.track))), top_k, decisions)
            for _, table in tracks.by_repeat()
        ]
        result["repeats"] = {name: [number(scores[name][0]) for scores in each] for name in each[0]}
    return result


def weighted_scores(
    predictions: Predictions,
    weights: np.ndarray,
    *,
    top_k: int | None = None,
    decisions: bool = False,
) -> dict[str, np.ndarray]:
    """All scores of a table, for several weights of its rows.

    Args:
      predictions: the rows; with repeats, the result is the mean of their scores.
      weights: [resamples, rows], how often each row counts.
      top_k: see `evaluate`.
      decisions: leave out the scores that need probabilities.

    Returns:
      Scores [resamples] by name, NaN where undefined.
    """
    repeats = [
        _scores(table, weights[:, rows], top_k, decisions)
        for rows, table in predictions.by_repeat()
    ]
    return {
        name: metrics.defined_mean(np.stack([scores[name] for scores in repeats], axis=-1))
        for name in repeats[0]
    }


def majority_baseline(
    predictions: Predictions, majority_class: int, **options: Any
) -> dict[str, Any]:
    """The scores of always answering one class: the least that a model must beat.

    Args:
      predictions: a single-label table; only its labels are read.
      majority_class: index of the most frequent class of the training split.
      **options: those of `evaluate`.

    Returns:
      The result of `evaluate`: accuracy and macro-F1, as for every table of decisions.

    Raises:
      ValueError: a multi-label table, or an index that is no class.
    """
    require_single_label(predictions, "the majority baseline")
    if not 0 <= majority_class < len(predictions.classes):
        raise ValueError(
            f"majority_class={majority_class} is no class; use 0..{len(predictions.classes) - 1}"
        )
    constant = np.zeros_like(predictions.probabilities)
    constant[:, majority_class] = 1
    return evaluate(replace(predictions, probabilities=constant, auxiliary_loss=None), **options)


def confusion_matrix(predictions: Predictions) -> np.ndarray:
    """The number of rows, int64 [true class, most probable class].

    Raises:
      ValueError: a multi-label table.
    """
    require_single_label(predictions, "a confusion matrix")
    size = len(predictions.classes)
    cells = predictions.label * size + predictions.probabilities.argmax(axis=1)
    return np.bincount(cells, minlength=size**2).reshape(size, size)


def per_class(predictions: Predictions, *, confidence: float = 0.95) -> list[dict[str, Any]]:
    """The scores of each class, for a table.

    The interval of the recall is Wilson's with the tracks of the class as trials. It is meant for
    one row per track and conservative for segments. It has a width even if the few tracks of a
    class are all right or all wrong.

    Args:
      predictions: rows of segments or of tracks.
      confidence: coverage of the interval.

    Returns:
      One dict per class: `class` (name), `support` (rows), `precision`, `recall` as [value, low,
      high], `f1`. None stands for undefined: recall without support, precision of a class never
      answered, F1 where both are missing.
    """
    label, probabilities = predictions.label, predictions.probabilities
    truth, _ = metrics.decide(label, probabilities)
    hits, support, answered = metrics.class_counts(label, probabilities)
    precision, recall = ratio(hits, answered), ratio(hits, support)
    f1 = ratio(2 * hits, support + answered)
    rows = []
    for i, name in enumerate(predictions.classes):
        interval: list[float | None] = [None, None, None]
        if support[i]:
            trials = len(np.unique(predictions.track[truth[:, i]]))
            limits = wilson_interval(recall[i], trials, confidence=confidence)
            interval = [float(recall[i]), *limits]
        rows.append(
            {
                "class": name,
                "support": int(support[i]),
                "precision": number(precision[i]),
                "recall": interval,
                "f1": number(f1[i]),
            }
        )
    return rows


def _scores(
    predictions: Predictions, weights: np.ndarray, top_k: int | None, decisions: bool
) -> dict[str, np.ndarray]:
    table = (predictions.label, predictions.probabilities)
    scores = {}
    if predictions.auxiliary_loss is not None:
        added = predictions.auxiliary_loss.astype(np.float64)
        scores["auxiliary_loss"] = metrics.weighted_mean(added, weights)
    if predictions.task == "multi_label":
        roc, precision_recall = metrics.areas(*table, weights)
        scores["roc_auc"] = metrics.defined_mean(roc)
        scores["average_precision"] = metrics.defined_mean(precision_recall)
    else:
        scores["accuracy"] = metrics.accuracy(*table, weights)
    scores["macro_f1"] = metrics.macro_f1(*table, weights)
    if decisions:
        return scores
    k = top_k or min(3, len(predictions.classes) - 1)
    if predictions.task == "single_label" and k > 1:  # Of two classes it is the accuracy again.
        scores[f"top_{k}_accuracy"] = metrics.top_k_accuracy(*table, k, weights)
    scores["log_loss"] = metrics.log_loss(*table, weights)
    scores["calibration_error"] = metrics.calibration_error(*table, weights)
    return scores


def require_single_label(predictions: Predictions, what: str) -> None:
    """Checks that a table has one label per row.

    Args:
      predictions: the table.
      what: needs single labels, for the message.

    Raises:
      ValueError: it is a table of tags.
    """
    if predictions.task != "single_label":
        raise ValueError(f"{what} needs a single_label table; this one is {predictions.task}")
