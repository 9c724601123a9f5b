"""Scores of a predictions table, each with an interval from a bootstrap over tracks.

Numbers that are undefined are None here, because JSON has no NaN.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mgr_jax.evaluation import metrics
from mgr_jax.evaluation.bootstrap import Intervals, bootstrap_tables, number, wilson_interval
from mgr_jax.evaluation.metrics import ratio
from mgr_jax.evaluation.predictions import Predictions

Scorer = Callable[[np.ndarray], dict[str, np.ndarray]]

LOWER_IS_BETTER = ("log_loss", "calibration_error", "auxiliary_loss")


def evaluate(
    predictions: Predictions,
    *,
    aggregation: str = "probabilities",
    top_k: int | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
    majority_class: int | None = None,
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
      majority_class: adds `majority`: the name of this `class`, and the scores of always answering
        it, in the same resamples; see `majority_baseline`.

    Returns:
      A dict ready for JSON: `split`, `protocol` (its fields), `task`, `aggregation`, `confidence`,
      `tracks` and `segments` (counts; a track in several repeats counts once), `segment` and
      `track`: `{metric: [value, low, high]}`. Numbers are None as in `bootstrap_intervals`. A table
      of repeats adds `repeats`: the list of values of every track metric. For multi_label,
      `left_out` names the classes that `roc_auc` and `average_precision` leave out, because all
      their labels are alike.

    Raises:
      ValueError: there is no such aggregation, `top_k` is not less than the number of classes, or
        `majority_baseline` refuses `majority_class`.
    """
    options: dict[str, Any] = {"resamples": resamples, "confidence": confidence, "seed": seed}
    own = _Evaluation(predictions, aggregation, top_k)
    if majority_class is None:
        return own.finish(bootstrap_tables(own.scorers(), **options), confidence)
    constant = _Evaluation(_always(predictions, majority_class))
    found = bootstrap_tables([*own.scorers(), *constant.scorers()], **options)
    majority = {"class": predictions.classes[majority_class]}
    majority |= constant.finish(found[2:], confidence)
    return own.finish(found[:2], confidence) | {"majority": majority}


class _Evaluation:
    """A table of segments and that of its tracks, and what scores both."""

    def __init__(
        self,
        segments: Predictions,
        aggregation: str = "probabilities",
        top_k: int | None = None,
    ) -> None:
        self._segments, self._tracks = segments, segments.by_track(aggregation)
        self._aggregation, self._top_k = aggregation, top_k
        if top_k is not None and not 1 < top_k < len(segments.classes):
            raise ValueError(
                f"top_k={top_k} says nothing of {len(segments.classes)} classes; use 2 to "
                f"{len(segments.classes) - 1}"
            )
        self._decisions = segments.only_decisions

    def scorers(self) -> list[tuple[Scorer, np.ndarray]]:
        """What scores weights of segments and of tracks, with the track of each row."""
        chosen: dict[str, Any] = {"top_k": self._top_k, "decisions": self._decisions}
        return [
            (make_scorer(table, **chosen), table.track) for table in (self._segments, self._tracks)
        ]

    def finish(self, intervals: Sequence[Intervals], confidence: float) -> dict[str, Any]:
        """The result of `evaluate`, given the intervals of segments and of tracks."""
        segments, tracks = self._segments, self._tracks
        result: dict[str, Any] = {
            "split": segments.split,
            "protocol": segments.protocol.as_dict(),
            "task": segments.task,
            "aggregation": self._aggregation,
            "confidence": confidence,
            "tracks": len(np.unique(tracks.track)),
            "segments": len(segments.track),
        }
        if segments.task == "multi_label":
            alike = (tracks.label == tracks.label[0]).all(axis=0)
            result["left_out"] = [segments.classes[i] for i in np.flatnonzero(alike)]
        for level, found in zip(("segment", "track"), intervals, strict=True):
            result[level] = found
            if not self._decisions:
                result[level]["calibration_error"][1:] = None, None
        if tracks.repeat is not None:
            each = [
                _make_scorer(table, self._top_k, self._decisions)(np.ones((1, len(table.track))))
                for _, table in tracks.by_repeat()
            ]
            result["repeats"] = {
                name: [number(scores[name][0]) for scores in each] for name in each[0]
            }
        return result


def make_scorer(
    predictions: Predictions, *, top_k: int | None = None, decisions: bool = False
) -> Scorer:
    """All scores of a table whose rows count as often as weights say.

    Args:
      predictions: the rows are scored as they are; of repeats, the mean of their scores.
      top_k: see `evaluate`.
      decisions: leave out what needs probabilities.

    Returns:
      What takes weights [resamples, rows] and gives scores [resamples] by name, NaN where
      undefined. What it takes of the rows is computed once.
    """
    repeats = [
        (rows, _make_scorer(table, top_k, decisions)) for rows, table in predictions.by_repeat()
    ]

    def score(weights: np.ndarray) -> dict[str, np.ndarray]:
        found = [scorer(weights[:, rows]) for rows, scorer in repeats]
        return {
            name: metrics.defined_mean(np.stack([scores[name] for scores in found], axis=-1))
            for name in found[0]
        }

    return score


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
    return evaluate(_always(predictions, majority_class), **options)


def _always(predictions: Predictions, answer: int) -> Predictions:
    """A table whose every answer is one class."""
    require_single_label(predictions, "the majority baseline")
    if not 0 <= answer < len(predictions.classes):
        raise ValueError(
            f"majority_class={answer} is no class; use 0..{len(predictions.classes) - 1}"
        )
    constant = np.zeros_like(predictions.probabilities)
    constant[:, answer] = 1
    return replace(predictions, probabilities=constant, auxiliary_loss=None)


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


def _make_scorer(predictions: Predictions, top_k: int | None, decisions: bool) -> Scorer:
    """`make_scorer` of a table without repeats."""
    table = (predictions.label, predictions.probabilities)
    single, classes = predictions.task == "single_label", len(predictions.classes)
    scores: dict[str, metrics.Score] = {}
    if predictions.auxiliary_loss is not None:
        added = predictions.auxiliary_loss.astype(np.float64)
        scores["auxiliary_loss"] = metrics.prepare_weighted_mean(added)
    if single:
        scores["accuracy"] = metrics.prepare_accuracy(*table)
    scores["macro_f1"] = metrics.prepare_macro_f1(*table)
    if not decisions:
        k = top_k or min(3, classes - 1)
        if single and k > 1:  # Of two classes it is the accuracy again.
            scores[f"top_{k}_accuracy"] = metrics.prepare_top_k_accuracy(*table, k)
        scores["log_loss"] = metrics.prepare_log_loss(*table)
        scores["calibration_error"] = metrics.prepare_calibration_error(*table)
    if single:
        return lambda weights: {name: score(weights) for name, score in scores.items()}
    areas = metrics.prepare_areas(*table)

    def score_tags(weights: np.ndarray) -> dict[str, np.ndarray]:
        found = {name: score(weights) for name, score in scores.items()}
        roc, precision_recall = map(metrics.defined_mean, areas(weights))
        # In the order in which they are told.
        first = {"auxiliary_loss": found.pop("auxiliary_loss")} if "auxiliary_loss" in found else {}
        return first | {"roc_auc": roc, "average_precision": precision_recall} | found

    return score_tags


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
