"""Metrics of labels and probabilities, as arrays.

Every metric takes `weights` [..., rows], how often each row counts, and returns scores [...]. Left
out, each row counts once. The bootstrap passes many resamples in one call. Scores are NaN where
undefined.

What a metric takes of each row does not depend on the weights: `prepare_…` computes it once, and
returns what scores weights.
"""

from collections.abc import Callable

import numpy as np

# scikit-learn clips float32 probabilities here too, so that one wrong 0 does not cost infinity.
_EPSILON = np.finfo(np.float32).eps

Weights = np.ndarray | None
Score = Callable[[Weights], np.ndarray]


def accuracy(label: np.ndarray, probabilities: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Share of rows [rows] whose most probable class [rows, classes] is the label."""
    return prepare_accuracy(label, probabilities)(weights)


def prepare_accuracy(label: np.ndarray, probabilities: np.ndarray) -> Score:
    """Of `accuracy` what scores weights."""
    return prepare_weighted_mean(probabilities.argmax(axis=1) == label)


def top_k_accuracy(
    label: np.ndarray, probabilities: np.ndarray, k: int, weights: Weights = None
) -> np.ndarray:
    """Share of rows whose label is among the k most probable classes (ties: lower index first)."""
    return prepare_top_k_accuracy(label, probabilities, k)(weights)


def prepare_top_k_accuracy(label: np.ndarray, probabilities: np.ndarray, k: int) -> Score:
    """Of `top_k_accuracy` what scores weights."""
    top = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return prepare_weighted_mean((top == label[:, None]).any(axis=1))


def log_loss(label: np.ndarray, probabilities: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Mean cross-entropy in nats; of labels [rows, classes], mean binary cross-entropy."""
    return prepare_log_loss(label, probabilities)(weights)


def prepare_log_loss(label: np.ndarray, probabilities: np.ndarray) -> Score:
    """Of `log_loss` what scores weights."""
    clipped = np.clip(probabilities.astype(np.float64), _EPSILON, 1 - _EPSILON)
    if label.ndim == 1:
        return prepare_weighted_mean(-np.log(clipped[np.arange(len(label)), label]))
    return prepare_weighted_mean(-np.log(np.where(label == 1, clipped, 1 - clipped)).mean(axis=1))


def macro_f1(label: np.ndarray, probabilities: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Mean F1 over the classes that occur among the labels or the answers.

    The answer is the most probable class, or for labels [rows, classes] every class of at least
    0.5. Equal to `sklearn.metrics.f1_score(average="macro", zero_division=nan)`.
    """
    return prepare_macro_f1(label, probabilities)(weights)


def prepare_macro_f1(label: np.ndarray, probabilities: np.ndarray) -> Score:
    """Of `macro_f1` what scores weights."""
    count = _prepare_class_counts(label, probabilities)

    def score(weights: Weights = None) -> np.ndarray:
        hits, support, answered = count(weights)
        return defined_mean(ratio(2 * hits, support + answered))

    return score


def roc_auc(label: np.ndarray, probabilities: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Mean area under the ROC curve over classes, for labels [rows, classes].

    Classes whose labels are all 0 or all 1 are left out, as no curve exists.
    """
    return defined_mean(prepare_areas(label, probabilities)(weights)[0])


def average_precision(
    label: np.ndarray, probabilities: np.ndarray, weights: Weights = None
) -> np.ndarray:
    """Mean area under the precision-recall curve (steps, no interpolation) over classes.

    Takes labels [rows, classes] and leaves out the classes that `roc_auc` leaves out.
    """
    return defined_mean(prepare_areas(label, probabilities)(weights)[1])


def calibration_error(
    label: np.ndarray, probabilities: np.ndarray, weights: Weights = None, *, bins: int = 15
) -> np.ndarray:
    """Expected calibration error: how far probabilities are from how often they come true.

    Mean over bins of |share that came true - mean probability|, weighted by what falls into them;
    `bins` of equal width divide (0, 1]. What is compared is the probability of the answer, or for
    labels [rows, classes] the probability of every class. With few rows it is biased upwards.
    Source: Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, 2017.
    """
    return prepare_calibration_error(label, probabilities, bins=bins)(weights)


def prepare_calibration_error(
    label: np.ndarray, probabilities: np.ndarray, *, bins: int = 15
) -> Score:
    """Of `calibration_error` what scores weights."""
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
    """What `calibration_error` compares, for a picture.

    Returns:
      Of every bin [bins] `count`, `confidence` (mean probability) and `frequency` (share that came
      true), NaN where nothing falls into it.
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
    """Weighted rows [..., classes]: correctly answered, labelled, answered."""
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
    """Of values [rows] what scores weights: their mean; NaN where they have no weight."""

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
    """Quotient, with `empty` where the denominator is 0."""
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
