"""Confidence of a model: temperatures, thresholds, and how often decided predictions are right."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from mgr_jax.decisions import Decisions, calibrate, least_told
from mgr_jax.evaluation import (
    Predictions,
    bootstrap_intervals,
    calibration_error,
    log_loss,
    wilson_interval,
)

ENOUGH = 30  # a class with this many tracks has a threshold of its own
_TEMPERATURES = (0.1, 10.0)
NEVER = 1.0  # the threshold of a class that never reaches the precision


def fit_temperature(table: Predictions) -> float:
    """The temperature from 0.1 to 10 that minimises the log loss of a table.

    If all of a few tracks are right, the log loss alone would demand certainty. Therefore
    (log temperature)^2 / 2 is added to the sum of the tracks' losses, as if one more track asked
    for no change.
    Source: Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, 2017.
    """
    tracks = len(np.unique(table.track))

    def loss(logarithm: float) -> float:
        probabilities = calibrate(table.probabilities, float(np.exp(logarithm)), table.task)
        return float(log_loss(table.label, probabilities)) + logarithm**2 / 2 / tracks

    found = minimize_scalar(loss, bounds=np.log(_TEMPERATURES), method="bounded")
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0


def with_temperature(table: Predictions, temperature: float) -> Predictions:
    """A table with calibrated probabilities."""
    return replace(table, probabilities=calibrate(table.probabilities, temperature, table.task))


def choose_thresholds(tracks: Predictions, precision: float) -> dict[str, float]:
    """The lowest thresholds at which decided tracks are right often enough.

    A class with 30 tracks has its own threshold; the others share one, as ten tracks do not show
    where a precision of 90 % begins. If `right` of `told` predictions above a threshold are right,
    both right / told and Laplace's estimate (right + 1) / (told + 2) must reach the precision; the
    latter is stricter if there are few.

    Args:
      tracks: calibrated, one row per track.
      precision: the wanted precision, above 0.

    Returns:
      The threshold of each class; `NEVER` if it cannot reach the precision.
    """
    probability, right, column = _candidates(tracks)
    thresholds = np.full(len(tracks.classes), NEVER)
    for group in _groups(tracks):
        rows = np.isin(column, group)
        thresholds[group] = _lowest(probability[rows], right[rows], precision)
    return dict(zip(tracks.classes, thresholds.tolist(), strict=True))


def highest_precision(tracks: Predictions) -> float:
    """The highest precision for which `choose_thresholds` finds any threshold."""
    probability, right, column = _candidates(tracks)
    return max(
        _reached(probability[rows], right[rows])[1].max(initial=0.0)
        for rows in (np.isin(column, group) for group in _groups(tracks))
    )


def _groups(tracks: Predictions) -> list[np.ndarray]:
    """Columns of the classes that share a threshold."""
    own = _support(tracks) >= ENOUGH
    return [np.flatnonzero(~own), *np.flatnonzero(own)[:, None]]


def _reached(probability: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities in descending order, and the precision of each as a threshold."""
    order = np.argsort(-probability, kind="stable")
    probability, hits = probability[order], np.cumsum(right[order])
    told = np.arange(1, len(order) + 1)
    # Predictions of equal probability are decided together.
    last = np.append(probability[1:] < probability[:-1], True)[: len(told)]
    return probability, last * np.minimum(hits / told, (hits + 1) / (told + 2))


def _lowest(probability: np.ndarray, right: np.ndarray, precision: float) -> float:
    probability, reached = _reached(probability, right)
    enough = reached >= precision
    if not enough.any():
        return NEVER
    at = np.flatnonzero(enough)[-1]
    lowest = probability[at]
    if at + 1 < len(probability):
        between = np.float32((lowest + probability[at + 1]) / 2)
        lowest = between if between > probability[at + 1] else lowest
    return float(lowest)


def _candidates(tracks: Predictions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions that may be decided: probability, whether it is right, class; [candidates]."""
    if tracks.task == "single_label":
        column = tracks.probabilities.argmax(axis=1)
        return tracks.probabilities.max(axis=1), column == tracks.label, column
    rows, columns = tracks.label.shape
    return (
        tracks.probabilities.ravel(),
        tracks.label.ravel() == 1,
        np.tile(np.arange(columns), rows),
    )


def _support(tracks: Predictions) -> np.ndarray:
    if tracks.task == "multi_label":
        return tracks.label.sum(axis=0)
    return np.bincount(tracks.label, minlength=len(tracks.classes))


def score_told(
    segments: Predictions, decisions: Decisions, aggregation: str = "probabilities"
) -> dict[str, Any]:
    """Scores what a model with these decisions predicts for a table.

    Args:
      segments: the uncalibrated table, one row per segment.
      decisions: temperatures and thresholds.
      aggregation: how segments become tracks.

    Returns:
      A dict ready for JSON: for `segment` and `track` the calibrated `log_loss` and
      `calibration_error`; for `track` also `precision` (the share of decided predictions that are
      right) and `coverage` (the share of tracks with a decided prediction), each as
      [value, low, high], and `told`, the number of decided predictions.
    """
    tracks = segments.by_track(aggregation)
    calibrated = with_temperature(tracks, decisions.track_temperature)
    least = least_told(tracks.classes, tracks.task, decisions.thresholds)
    return {
        "segment": score_calibration(with_temperature(segments, decisions.clip_temperature)),
        "track": score_calibration(calibrated) | score_answers(calibrated, least),
    }


def score_run(
    segments: Predictions, decisions: Decisions, aggregation: str = "probabilities"
) -> dict[str, Any]:
    """`score_told` of a calibrated run, with the `wanted` precision and the split `chosen_on`.

    Args:
      segments: see `score_told`.
      decisions: see `score_told`.
      aggregation: see `score_told`.
    """
    return {
        "wanted": decisions.precision,
        "chosen_on": decisions.measured.get("split"),
        **score_told(segments, decisions, aggregation),
    }


def score_calibration(table: Predictions) -> dict[str, float]:
    """Log loss and calibration error of a table as it is."""
    return {
        "log_loss": float(log_loss(table.label, table.probabilities)),
        "calibration_error": float(calibration_error(table.label, table.probabilities)),
    }


def score_answers(tracks: Predictions, least: np.ndarray) -> dict[str, Any]:
    """Precision and coverage of predictions that reach thresholds, with 95 % intervals.

    The intervals are Wilson's, with the predictions and the tracks as trials. Several tags of a
    track are not independent: the interval of their precision is a bootstrap over tracks, or
    Wilson's over the tracks if all predictions or none are right.

    Args:
      tracks: calibrated, one row per track.
      least: thresholds [classes] or, if they differ between tracks, [tracks, classes].
    """
    probability, right, column = _candidates(tracks)
    count, width = tracks.probabilities.shape
    row = np.arange(count) if tracks.task == "single_label" else np.repeat(np.arange(count), width)
    told = probability >= np.broadcast_to(least, (count, width))[row, column]
    answers, covered = int(told.sum()), len(np.unique(row[told]))
    share: list[float | None] = [None, None, None]
    if answers and tracks.task == "single_label":
        hits = float(right[told].mean())
        share = [hits, *wilson_interval(hits, answers)]
    elif answers:
        share = bootstrap_intervals(
            lambda weights: {"precision": weights @ right[told] / weights.sum(axis=1)}, row[told]
        )["precision"]
        if share[0] in (0.0, 1.0):  # resampling would claim certainty
            share[1:] = wilson_interval(share[0], covered)
    coverage = covered / count
    return {
        "told": answers,
        "precision": share,
        "coverage": [coverage, *wilson_interval(coverage, count)],
    }


def cross_fit(tracks: Predictions, precision: float, *, folds: int = 5) -> dict[str, Any]:
    """Scores temperature and thresholds on tracks that they were not chosen on.

    Each fifth of the tracks is scored with the values chosen on the others. All tracks are still of
    the validation split, which also chose the checkpoint.

    Args:
      tracks: uncalibrated, one row per track.
      precision: the wanted precision; 0: none.
      folds: number of parts; fewer if there are fewer tracks.

    Returns:
      Calibration error and log loss, precision and coverage, ready for JSON.
    """
    count = len(tracks.track)
    part = np.random.default_rng(0).permutation(count) % min(folds, count)
    probabilities = tracks.probabilities.copy()
    least = np.zeros_like(probabilities)
    for fold in np.unique(part):
        there, here = tracks.select(part != fold), part == fold
        temperature = fit_temperature(there)
        chosen = choose_thresholds(with_temperature(there, temperature), precision)
        probabilities[here] = calibrate(probabilities[here], temperature, tracks.task)
        least[here] = least_told(tracks.classes, tracks.task, chosen if precision else {})
    table = replace(tracks, probabilities=probabilities)
    return score_calibration(table) | score_answers(table, least)
