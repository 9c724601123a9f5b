"""Scores of a predictions table, each with an interval from a bootstrap over tracks.

Every metric takes `weights` [..., rows], how often each row counts, and returns scores [...]. Left
out, each row counts once. The bootstrap passes all its resamples in one call. Scores are NaN where
undefined; results that leave this module say None instead, because JSON has no NaN.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from mgr_jax.evaluation.bootstrap import bootstrap_intervals, wilson_interval
from mgr_jax.evaluation.predictions import Predictions

# scikit-learn clips float32 probabilities here too, so that one wrong 0 does not cost infinity.
_EPSILON = np.finfo(np.float32).eps

Weights = np.ndarray | None


def accuracy(label: np.ndarray, probabilities: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Share of rows [rows] whose most probable class [rows, classes] is the label."""
    return _mean(probabilities.argmax(axis=1) == label, weights)


def top_k_accuracy(
    label: np.ndarray, probabilities: np.ndarray, k: int, weights: Weights = None
) -> np.ndarray:
    """Share of rows whose label is among the k most probable classes (ties: lower index first)."""
    top = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return _mean((top == label[:, None]).any(axis=1), weights)


def log_loss(label: np.ndarray, probabilities: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Mean cross-entropy in nats; of labels [rows, classes], mean binary cross-entropy."""
    clipped = np.clip(probabilities.astype(np.float64), _EPSILON, 1 - _EPSILON)
    if label.ndim == 1:
        return _mean(-np.log(clipped[np.arange(len(label)), label]), weights)
    return _mean(-np.log(np.where(label == 1, clipped, 1 - clipped)).mean(axis=1), weights)


def macro_f1(label: np.ndarray, probabilities: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Mean F1 over the classes that occur among the labels or the answers.

    The answer is the most probable class, or for labels [rows, classes] every class of at least
    0.5. Equal to `sklearn.metrics.f1_score(average="macro", zero_division=nan)`.
    """
    hits, support, answered = _class_counts(label, probabilities, weights)
    return _macro(_ratio(2 * hits, support + answered))


def roc_auc(label: np.ndarray, probabilities: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Mean area under the ROC curve over classes, for labels [rows, classes].

    Classes whose labels are all 0 or all 1 are left out, as no curve exists.
    """
    return _macro(_areas(label, probabilities, weights)[0])


def average_precision(
    label: np.ndarray, probabilities: np.ndarray, weights: Weights = None
) -> np.ndarray:
    """Mean area under the precision-recall curve (steps, no interpolation) over classes.

    Takes labels [rows, classes] and leaves out the classes that `roc_auc` leaves out.
    """
    return _macro(_areas(label, probabilities, weights)[1])


def evaluate(
    predictions: Predictions, *, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> dict[str, Any]:
    """Scores every segment, and every track by its mean probability.

    Args:
      predictions: one row per segment.
      resamples: bootstrap resamples of tracks; a track brings all its segments.
      confidence: coverage of the intervals.
      seed: decides the resamples.

    Returns:
      A dict ready for JSON: `split`, `protocol`, `task`, `confidence`, `tracks` and `segments`
      (counts), `segment` and `track`: `{metric: [value, low, high]}`. Numbers are None where
      `bootstrap_intervals` documents it. Multi-label results also name the classes `left_out` of
      `roc_auc` and `average_precision` because their labels are all alike.
    """
    tracks = predictions.by_track()
    result: dict[str, Any] = {
        "split": predictions.split,
        "protocol": predictions.protocol,
        "task": predictions.task,
        "confidence": confidence,
        "tracks": len(tracks.track),
        "segments": len(predictions.track),
    }
    if predictions.task == "multi_label":
        alike = (tracks.label == tracks.label[0]).all(axis=0)
        result["left_out"] = [predictions.classes[i] for i in np.flatnonzero(alike)]
    for level, table in (("segment", predictions), ("track", tracks)):
        result[level] = bootstrap_intervals(
            partial(_scores, table),
            table.track,
            resamples=resamples,
            confidence=confidence,
            seed=seed,
        )
    return result


def majority_baseline(
    predictions: Predictions, majority_class: int, **options: Any
) -> dict[str, Any]:
    """What always answering one class scores: the least that a model must beat.

    Args:
      predictions: a single-label table; only its labels are read.
      majority_class: index of the most frequent class of the training split.
      **options: those of `evaluate`.

    Returns:
      The result of `evaluate` with `accuracy` and `macro_f1` only.

    Raises:
      ValueError: a multi-label table, or an index that is no class.
    """
    _require_single_label(predictions, "the majority baseline")
    if not 0 <= majority_class < len(predictions.classes):
        raise ValueError(
            f"majority_class={majority_class} is no class; use 0..{len(predictions.classes) - 1}"
        )
    constant = np.zeros_like(predictions.probabilities)
    constant[:, majority_class] = 1
    result = evaluate(replace(predictions, probabilities=constant), **options)
    for level in ("segment", "track"):
        result[level] = {name: result[level][name] for name in ("accuracy", "macro_f1")}
    return result


def confusion_matrix(predictions: Predictions) -> np.ndarray:
    """Counts of rows as int64 [true class, most probable class].

    Raises:
      ValueError: a multi-label table.
    """
    _require_single_label(predictions, "a confusion matrix")
    size = len(predictions.classes)
    cells = predictions.label * size + predictions.probabilities.argmax(axis=1)
    return np.bincount(cells, minlength=size**2).reshape(size, size)


def per_class(predictions: Predictions, *, confidence: float = 0.95) -> list[dict[str, Any]]:
    """Scores of each class, for a table.

    The interval of the recall is Wilson's with the class's tracks as trials: meant for one row per
    track, conservative for segments, and not of zero width for a class of a few tracks that are
    all right or all wrong.

    Args:
      predictions: rows of segments or of tracks.
      confidence: coverage of the interval.

    Returns:
      One dict per class: `class` (name), `support` (rows), `precision`, `recall` as [value, low,
      high], `f1`. None stands for undefined: recall without support, precision of a class never
      answered, F1 where both are missing.
    """
    label, probabilities = predictions.label, predictions.probabilities
    truth, _ = _decisions(label, probabilities)
    hits, support, answered = _class_counts(label, probabilities, None)
    precision, recall = _ratio(hits, answered), _ratio(hits, support)
    f1 = _ratio(2 * hits, support + answered)
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
                "precision": float(precision[i]) if answered[i] else None,
                "recall": interval,
                "f1": float(f1[i]) if support[i] + answered[i] else None,
            }
        )
    return rows


def _scores(predictions: Predictions, weights: np.ndarray) -> dict[str, np.ndarray]:
    label, probabilities = predictions.label, predictions.probabilities
    table = (label, probabilities, weights)
    scores = {}
    if predictions.auxiliary_loss is not None:
        scores["auxiliary_loss"] = _mean(predictions.auxiliary_loss.astype(np.float64), weights)
    if predictions.task == "multi_label":
        areas = _areas(*table)
        scores |= {"roc_auc": _macro(areas[0]), "average_precision": _macro(areas[1])}
        return scores | {"macro_f1": macro_f1(*table), "log_loss": log_loss(*table)}
    scores |= {"accuracy": accuracy(*table), "macro_f1": macro_f1(*table)}
    k = min(3, len(predictions.classes) - 1)
    if k > 1:  # With two classes this would be the accuracy again.
        scores[f"top_{k}_accuracy"] = top_k_accuracy(label, probabilities, k, weights)
    return scores | {"log_loss": log_loss(*table)}


def _decisions(label: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Truth and answer of every row as bool [rows, classes]."""
    if label.ndim == 2:
        return label == 1, probabilities >= 0.5
    classes = np.arange(probabilities.shape[1])
    return label[:, None] == classes, probabilities.argmax(axis=1)[:, None] == classes


def _class_counts(
    label: np.ndarray, probabilities: np.ndarray, weights: Weights
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted rows [..., classes]: correctly answered, labelled, answered."""
    weights = np.ones(len(label)) if weights is None else weights
    truth, answer = _decisions(label, probabilities)
    hits, support, answered = (weights @ rows for rows in (truth & answer, truth, answer))
    return hits, support, answered


def _areas(
    label: np.ndarray, probabilities: np.ndarray, weights: Weights
) -> tuple[np.ndarray, np.ndarray]:
    """ROC AUC and average precision [..., classes]; NaN without both kinds of label."""
    weights = np.ones(len(label)) if weights is None else weights
    roc, precision_recall = [], []
    for truth, scores in zip(label.T, probabilities.T, strict=True):
        order = np.argsort(-scores, kind="stable")
        # Rows of equal score pass the threshold together: only the last of a run is a point.
        point = np.append(np.diff(scores[order]) != 0, True)
        sorted_weights = weights[..., order]
        above = np.cumsum(sorted_weights, axis=-1)[..., point]
        true = np.cumsum(sorted_weights * truth[order], axis=-1)[..., point]
        positives, negatives = true[..., -1], above[..., -1] - true[..., -1]
        undefined = (positives == 0) | (negatives == 0)

        gained = np.diff(true, axis=-1, prepend=0)
        # Between two points the ROC curve is a straight line, precision a step.
        trapezoids = np.diff(above - true, axis=-1, prepend=0) * (true - gained / 2)
        area = _ratio(trapezoids.sum(axis=-1), positives * negatives)
        roc.append(np.where(undefined, np.nan, area))
        area = _ratio((gained * _ratio(true, above, empty=0)).sum(axis=-1), positives)
        precision_recall.append(np.where(undefined, np.nan, area))
    return np.stack(roc, axis=-1), np.stack(precision_recall, axis=-1)


def _mean(values: np.ndarray, weights: Weights) -> np.ndarray:
    return values.mean() if weights is None else weights @ values / weights.sum(axis=-1)


def _ratio(above: np.ndarray, below: np.ndarray, empty: float = np.nan) -> np.ndarray:
    """Quotient, with `empty` where the denominator is 0."""
    return np.divide(above, below, out=np.full(np.shape(below), empty, float), where=below > 0)


def _macro(scores: np.ndarray) -> np.ndarray:
    """Mean over the last axis of the scores that are defined; NaN if none is."""
    defined = ~np.isnan(scores)
    return _ratio(np.where(defined, scores, 0).sum(axis=-1), defined.sum(axis=-1))


def _require_single_label(predictions: Predictions, what: str) -> None:
    if predictions.task != "single_label":
        raise ValueError(f"{what} needs a single_label table; this one is {predictions.task}")
