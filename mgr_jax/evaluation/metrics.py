"""Metrics of labels and probabilities, as arrays.

Every metric takes `weights` [..., rows], which count how often each row counts, and returns scores
[...]. Without weights each row counts once. The bootstrap passes many resamples in one call.
Undefined scores are NaN.

`prepare_…` computes once what does not depend on the weights, and returns a function that scores
weights.
"""

from collections.abc import Callable

import numpy as np

# scikit-learn clips float32 probabilities here too, so that one wrong 0 does not cost infinity.
_EPSILON = np.finfo(np.float32).eps

Weights = np.ndarray | None
Score = Callable[[Weights], np.ndarray]


def accuracy(label: np.ndarray, probabilities: np.ndarray, weights: Weights = None) -> np.ndarray:
    """The share of rows whose most probable class is the label.

    Args:
      label: [rows] int.
      probabilities: [rows, classes].
      weights: [..., rows]; None: every row counts once.
    """
    return prepare_accuracy(label, probabilities)(weights)


def prepare_accuracy(label: np.ndarray, probabilities: np.ndarray) -> Score:
    """A function of weights that computes `accuracy`."""
    return prepare_weighted_mean(probabilities.argmax(axis=1) == label)


def top_k_accuracy(
    label: np.ndarray, probabilities: np.ndarray, k: int, weights: Weights = None
) -> np.ndarray:
    """The share of rows whose label is among the k most probable classes (ties: lower index first).

    Args:
      label: [rows] int.
      probabilities: [rows, classes].
      k: number of classes.
      weights: [..., rows]; None: every row counts once.
    """
    return prepare_top_k_accuracy(label, probabilities, k)(weights)


def prepare_top_k_accuracy(label: np.ndarray, probabilities: np.ndarray, k: int) -> Score:
    """A function of weights that computes `top_k_accuracy`.

    Args:
      label: [rows] int.
      probabilities: [rows, classes].
      k: number of classes.
    """
    top = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return prepare_weighted_mean((top == label[:, None]).any(axis=1))


def log_loss(label: np.ndarray, probabilities: np.ndarray, weights: Weights = None) -> np.ndarray:
    """The mean cross-entropy in nats; for several labels, the mean binary cross-entropy.

    Args:
      label: [rows] int, or [rows, classes] of 0 and 1.
      probabilities: [rows, classes].
      weights: [..., rows]; None: every row counts once.
    """
    return prepare_log_loss(label, probabilities)(weights)


def prepare_log_loss(label: np.ndarray, probabilities: np.ndarray) -> Score:
    """A function of weights that computes `log_loss`."""
    clipped = np.clip(probabilities.astype(np.float64), _EPSILON, 1 - _EPSILON)
    if label.ndim == 1:
        return prepare_weighted_mean(-np.log(clipped[np.arange(len(label)), label]))
    return prepare_weighted_mean(-np.log(np.where(label == 1, clipped, 1 - clipped)).mean(axis=1))


def macro_f1(label: np.ndarray, probabilities: np.ndarray, weights: Weights = None) -> np.ndarray:
    """The mean F1 over the classes that occur among the labels or the answers.

    The answer is the most probable class; for labels [rows, classes] it is every class of at least
    0.5. Equal to `sklearn.metrics.f1_score(average="macro", zero_division=nan)`.

    Args:
      label: [rows] int, or [rows, classes] of 0 and 1.
      probabilities: [rows, classes].
      weights: [..., rows]; None: every row counts once.
    """
    return prepare_macro_f1(label, probabilities)(weights)


def prepare_macro_f1(label: np.ndarray, probabilities: np.ndarray) -> Score:
    """A function of weights that computes `macro_f1`."""
    count = _prepare_class_counts(label, probabilities)

    def score(weights: Weights = None) -> np.ndarray:
        hits, support, answered = count(weights)
        return defined_mean(ratio(2 * hits, support + answered))

    return score


def roc_auc(label: np.ndarray, probabilities: np.ndarray, weights: Weights = None) -> np.ndarray:
    """The mean area under the ROC curve over classes.

    Classes whose labels are all 0 or all 1 are left out, because they have no curve.

    Args:
      label: [rows, classes] of 0 and 1.
      probabilities: [rows, classes].
      weights: [..., rows]; None: every row counts once.
    """
    return defined_mean(prepare_areas(label, probabilities)(weights)[0])


def average_precision(
    label: np.ndarray, probabilities: np.ndarray, weights: Weights = None
) -> np.ndarray:
    """The mean area under the precision-recall curve (steps, no interpolation) over classes.

    It leaves out the same classes as `roc_auc`.

    Args:
      label: [rows, classes] of 0 and 1.
      probabilities: [rows, classes].
      weights: [..., rows]; None: every row counts once.
    """
    return defined_mean(prepare_areas(label, probabilities)(weights)[1])


def calibration_error(
    label: np.ndarray, probabilities: np.ndarray, weights: Weights = None, *, bins: int = 15
) -> np.ndarray:
    """The expected calibration error: the distance between probabilities and frequencies.

    It is the mean over bins of |share that came true - mean probability|, weighted by the number of
    values in each bin. `bins` of equal width divide (0, 1]. The values are the probabilities of the
    answers, or for labels [rows, classes] those of every class. With few rows it is biased upwards.
    Source: Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, 2017.

    Args:
      label: [rows] int, or [rows, classes] of 0 and 1.
      probabilities: [rows, classes].
      weights: [..., rows]; None: every row counts once.
      bins: number of bins.
    """
    return prepare_calibration_error(label, probabilities, bins=bins)(weights)


def prepare_calibration_error(
    label: np.ndarray, probabilities: np.ndarray, *, bins: int = 15
) -> Score:
    """A function of weights that computes `calibration_error`.

    Args:
      label: [rows] int, or [rows, classes] of 0 and 1.
      probabilities: [rows, classes].
      bins: number of bins.
    """
    confidence, came_true, index = _binned(label, probabilities, bins)
    gaps = np.zeros((len(label), bins))
    np.add.at(gaps, (np.arange(len(label))[:, None], index), came_true - confidence)

    def score(weights: Weights = None) -> np.ndarray:
        weights = np.ones(len(label)) if weights is None else weights
        counted = weights.sum(axis=-1) * confidence.shape[1]
        return ratio(np.abs(weights @ gaps).sum(axis=-1), counted)

    return score


def reliability(
    label: np.ndarray, probabilities: np.ndarray, *, bins: int = 15
) -> dict[str, np.ndarray]:
    """The values that `calibration_error` compares, for a plot.

    Args:
      label: [rows] int, or [rows, classes] of 0 and 1.
      probabilities: [rows, classes].
      bins: number of bins.

    Returns:
      For every bin [bins] `count`, `confidence` (mean probability) and `frequency` (share that came
      true); NaN in empty bins.
    """
    confidence, came_true, index = (x.ravel() for x in _binned(label, probabilities, bins))
    count = np.bincount(index, minlength=bins)
    return {
        "count": count,
        "confidence": ratio(np.bincount(index, confidence, minlength=bins), count),
        "frequency": ratio(np.bincount(index, came_true, minlength=bins), count),
    }


def decide(label: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Truth and answer of every row as bool [rows, classes]."""
    if label.ndim == 2:
        return label == 1, probabilities >= 0.5
    classes = np.arange(probabilities.shape[1])
    return label[:, None] == classes, probabilities.argmax(axis=1)[:, None] == classes


def class_counts(
    label: np.ndarray, probabilities: np.ndarray, weights: Weights = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The weighted numbers of rows [..., classes] that are answered correctly, labelled, answered.

    Args:
      label: [rows] int, or [rows, classes] of 0 and 1.
      probabilities: [rows, classes].
      weights: [..., rows]; None: every row counts once.
    """
    return _prepare_class_counts(label, probabilities)(weights)


def _prepare_class_counts(
    label: np.ndarray, probabilities: np.ndarray
) -> Callable[[Weights], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    truth, answer = decide(label, probabilities)
    rows = np.concatenate([truth & answer, truth, answer], axis=1)

    def count(weights: Weights = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        weights = np.ones(len(label)) if weights is None else weights
        # One product of floats: three of float and bool take three times as long.
        counted = weights @ rows.astype(np.float64)
        hits, support, answered = np.split(counted, 3, axis=-1)
        return hits, support, answered

    return count


def prepare_areas(
    label: np.ndarray, probabilities: np.ndarray
) -> Callable[[Weights], tuple[np.ndarray, np.ndarray]]:
    """What scores weights: ROC AUC and average precision [..., classes].

    They are NaN of classes without both kinds of label.
    """
    curves = [_prepare_curve(*of_class) for of_class in zip(label.T, probabilities.T, strict=True)]

    def score(weights: Weights = None) -> tuple[np.ndarray, np.ndarray]:
        weights = np.ones(len(label)) if weights is None else weights
        roc, precision_recall = zip(*(curve(weights) for curve in curves), strict=True)
        return np.stack(roc, axis=-1), np.stack(precision_recall, axis=-1)

    return score


def _prepare_curve(
    truth: np.ndarray, scores: np.ndarray
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """What scores weights [..., rows] by one class: the areas below its two curves."""
    order = np.argsort(-scores, kind="stable")
    # Rows of equal score pass the threshold together: only the last of a run is a point.
    point = np.append(np.diff(scores[order]) != 0, True)
    truth = truth[order]

    def score(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sorted_weights = weights[..., order]
        above = np.cumsum(sorted_weights, axis=-1)[..., point]
        true = np.cumsum(sorted_weights * truth, axis=-1)[..., point]
        positives, negatives = true[..., -1], above[..., -1] - true[..., -1]
        undefined = (positives == 0) | (negatives == 0)

        gained = np.diff(true, axis=-1, prepend=0)
        # Between two points the ROC curve is a straight line, precision a step.
        trapezoids = np.diff(above - true, axis=-1, prepend=0) * (true - gained / 2)
        roc = ratio(trapezoids.sum(axis=-1), positives * negatives)
        precision = ratio((gained * ratio(true, above, empty=0)).sum(axis=-1), positives)
        return np.where(undefined, np.nan, roc), np.where(undefined, np.nan, precision)

    return score


def prepare_weighted_mean(values: np.ndarray) -> Score:
    """A function of weights that computes the mean of values [rows]; NaN without weight."""

    def score(weights: Weights = None) -> np.ndarray:
        if weights is None:
            return values.mean()
        return ratio(weights @ values, weights.sum(axis=-1))

    return score


def defined_mean(scores: np.ndarray) -> np.ndarray:
    """Mean over the last axis of the scores that are defined; NaN if none is."""
    defined = ~np.isnan(scores)
    return ratio(np.where(defined, scores, 0).sum(axis=-1), defined.sum(axis=-1))


def ratio(above: np.ndarray, below: np.ndarray, empty: float = np.nan) -> np.ndarray:
    """The quotient of two arrays.

    Args:
      above: numerators.
      below: denominators, not negative.
      empty: the result where the denominator is 0.
    """
    return np.divide(above, below, out=np.full(np.shape(below), empty, float), where=below > 0)


def _binned(
    label: np.ndarray, probabilities: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, whether they came true, and their bins, each [rows, 1 or classes]."""
    probabilities = probabilities.astype(np.float64)
    if label.ndim == 1:
        came_true = (probabilities.argmax(axis=1) == label)[:, None]
        probabilities = probabilities.max(axis=1, keepdims=True)
    else:
        came_true = label == 1
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    return probabilities, came_true, np.searchsorted(edges, probabilities)
