"""Heads on embeddings, fitted to a few songs: linear, mlp and k-NN, and mixtures.

All are fitted by L-BFGS on all songs at once (scipy), so that the same songs give the same head.
`Head.probabilities` computes the same as `models.taught`.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from mgr_jax.models.taught import FLOOR

try:
    from threadpoolctl import threadpool_limits  # comes with scikit-learn
except ImportError:
    threadpool_limits = None

STANDARDISATIONS = ("dimension", "whole")
_ITERATIONS = 100
_TINY = np.finfo(np.float32).tiny


@dataclass(frozen=True)
class Settings:
    """How a head is fitted.

    Attributes:
      kind: "linear", "mlp" or "knn".
      standardise: "dimension": each dimension of the embedding by its own deviation; "whole": all
        by one.
      penalty: C of linear and mlp, as in scikit-learn; a larger C fits the songs more closely.
      neighbours: number of neighbours of knn.
      balanced: every genre has the same weight, however many songs it has.
      units: units of the hidden layer of an mlp.
    """

    kind: str = "linear"
    standardise: str = "dimension"
    penalty: float = 0.1
    neighbours: int = 1
    balanced: bool = False
    units: int = 64

    def __str__(self) -> str:
        """A short description."""
        what = {
            "linear": f"linear head, C = {self.penalty:g}",
            "mlp": f"mlp of {self.units} units, C = {self.penalty:g}",
            "knn": f"votes of the {self.neighbours} nearest songs",
        }[self.kind]
        by = "by dimension" if self.standardise == "dimension" else "as a whole"
        return f"{what}, standardised {by}" + (", genres weigh alike" if self.balanced else "")


@dataclass(frozen=True)
class Head:
    """A fitted head.

    Attributes:
      settings: how it was fitted.
      mean: mean of the embeddings, [dim].
      scale: scale of the embeddings, [dim].
      arrays: by name: `hidden_kernel`, `hidden_bias`, `kernel`, `bias`; of knn `songs` and
        `classes`.
      weight: weight of the untrained outputs in the mixture; 0: they are not used.
      power: power to which they are raised.
    """

    settings: Settings
    mean: np.ndarray
    scale: np.ndarray
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    weight: float = 0.0
    power: float = 1.0

    def mixed(self, weight: float, power: float) -> "Head":
        """The same head, mixed with untrained outputs."""
        return replace(self, weight=weight, power=power)

    def probabilities(self, embedding: np.ndarray, untrained: np.ndarray | None) -> np.ndarray:
        """The probabilities of the genres, [rows, genres].

        Args:
          embedding: [rows, dim].
          untrained: [rows, genres], see `mapping.untrained_outputs`; None: there are none.
        """
        x = (embedding - self.mean) / self.scale
        arrays = self.arrays
        if self.settings.kind == "knn":
            length = np.linalg.norm(x, axis=1, keepdims=True)
            alike = x / np.maximum(length, _TINY) @ arrays["songs"].T
            count = min(self.settings.neighbours, len(arrays["songs"]))
            nearest = np.argsort(-alike, axis=1, kind="stable")[:, :count]
            classes = arrays["classes"]
            found = (classes[nearest].sum(axis=1) + 1 / classes.shape[1]) / (count + 1)
        else:
            if self.settings.kind == "mlp":
                x = np.maximum(x @ arrays["hidden_kernel"] + arrays["hidden_bias"], 0)
            found = softmax(x @ arrays["kernel"] + arrays["bias"], axis=1)
        if not self.weight or untrained is None:
            return found
        return mix(found, sharpen(untrained, self.power), self.weight)

    def song_probabilities(
        self, embedding: np.ndarray, untrained: np.ndarray | None, counts: np.ndarray
    ) -> np.ndarray:
        """The probabilities of songs, [songs, genres]: the mean over the rows of each.

        Args:
          embedding: [rows, dim], song after song.
          untrained: [rows, genres]; None: there are none.
          counts: number of rows of each song.
        """
        return mean_by_song(self.probabilities(embedding, untrained), counts)


def mix(trained: np.ndarray, untrained: np.ndarray, weight: float) -> np.ndarray:
    """A weighted mixture of probabilities.

    Args:
      trained: probabilities of the head, [rows, genres].
      untrained: untrained outputs as probabilities, [rows, genres].
      weight: weight of the untrained ones, 0 to 1.
    """
    return (1 - weight) * trained + weight * untrained


def sharpen(untrained: np.ndarray, power: float) -> np.ndarray:
    """Untrained outputs [rows, genres] raised to a power and normalised to probabilities."""
    raised = np.maximum(untrained, FLOOR) ** power
    return raised / raised.sum(axis=1, keepdims=True)


def mean_by_song(rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Means over consecutive rows."""
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.add.reduceat(rows, starts, axis=0) / counts[:, None]


def one_thread() -> contextlib.AbstractContextManager[object]:
    """Multiplies small matrices in one thread, if the library allows; more threads only wait."""
    return threadpool_limits(1) if threadpool_limits else contextlib.nullcontext()


def fit_head(settings: Settings, songs: np.ndarray, labels: np.ndarray, genres: int) -> Head:
    """Fits a head to songs.

    Args:
      settings: how to fit.
      songs: mean embedding of each, [songs, dim].
      labels: label of each, [songs] int.
      genres: number of classes; some may have no song.

    Returns:
      The head.
    """
    songs = np.asarray(songs, np.float64)
    mean, scale = _standardise(songs, settings.standardise)
    x, targets = (songs - mean) / scale, np.eye(genres)[labels]
    if settings.kind == "knn":
        length = np.linalg.norm(x, axis=1, keepdims=True)
        arrays = {"songs": x / np.maximum(length, _TINY), "classes": targets}
        return Head(settings, mean, scale, arrays)
    weights = np.ones(len(labels))
    if settings.balanced:
        weights = 1 / np.bincount(labels, minlength=genres)[labels]
        weights *= len(labels) / weights.sum()
    fit = _fit_linear if settings.kind == "linear" else _fit_mlp
    # A penalised kernel lies in the span of the songs, which has few dimensions if songs are few.
    span = None
    if len(x) < x.shape[1]:
        span = np.linalg.svd(x, full_matrices=False)[2]
        x = x @ span.T
    arrays = fit(settings, x, targets, weights)
    if span is not None:
        first = "kernel" if settings.kind == "linear" else "hidden_kernel"
        arrays[first] = span.T @ arrays[first]
    return Head(settings, mean, scale, arrays)


def _standardise(songs: np.ndarray, how: str) -> tuple[np.ndarray, np.ndarray]:
    mean, variance = songs.mean(axis=0), songs.var(axis=0)
    typical = variance.mean() or 1.0
    if how == "whole":
        return mean, np.full_like(mean, np.sqrt(typical))
    return mean, np.sqrt(variance + 0.01 * typical)  # a constant one is not amplified


def _fit_linear(
    settings: Settings, x: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    def loss(arrays: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        value, error = _cross_entropy(x @ arrays["kernel"] + arrays["bias"], targets, weights)
        return value, {"kernel": x.T @ error, "bias": error.sum(axis=0)}

    shapes = {
        "kernel": np.zeros((x.shape[1], targets.shape[1])),
        "bias": np.zeros(targets.shape[1]),
    }
    return _minimise(loss, shapes, settings.penalty * len(x))


def _fit_mlp(
    settings: Settings, x: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    def loss(arrays: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        hidden = np.maximum(x @ arrays["hidden_kernel"] + arrays["hidden_bias"], 0)
        value, error = _cross_entropy(hidden @ arrays["kernel"] + arrays["bias"], targets, weights)
        below = (error @ arrays["kernel"].T) * (hidden > 0)
        return value, {
            "hidden_kernel": x.T @ below,
            "hidden_bias": below.sum(axis=0),
            "kernel": hidden.T @ error,
            "bias": error.sum(axis=0),
        }

    rng, units = np.random.default_rng(0), settings.units
    begin = {
        "hidden_kernel": rng.normal(0, np.sqrt(2 / x.shape[1]), (x.shape[1], units)),
        "hidden_bias": np.zeros(units),
        "kernel": rng.normal(0, np.sqrt(1 / units), (units, targets.shape[1])),
        "bias": np.zeros(targets.shape[1]),
    }
    return _minimise(loss, begin, settings.penalty * len(x))


def _cross_entropy(
    logits: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray]:
    """The weighted mean, and its gradient with respect to the logits."""
    logs = log_softmax(logits, axis=1)
    weighted = weights[:, None] / len(logits)
    return float(-(weighted * targets * logs).sum()), weighted * (np.exp(logs) - targets)


def _minimise(
    loss: Callable[[dict[str, np.ndarray]], tuple[float, dict[str, np.ndarray]]],
    begin: dict[str, np.ndarray],
    penalty: float,
) -> dict[str, np.ndarray]:
    """L-BFGS over several arrays; those with two axes are penalised."""
    names = list(begin)
    ends = np.cumsum([begin[name].size for name in names])[:-1]

    def unpack(flat: np.ndarray) -> dict[str, np.ndarray]:
        parts = np.split(flat, ends)
        return {n: p.reshape(begin[n].shape) for n, p in zip(names, parts, strict=True)}

    def flat_loss(flat: np.ndarray) -> tuple[float, Any]:
        arrays = unpack(flat)
        value, gradient = loss(arrays)
        for name in names:
            if arrays[name].ndim == 2:
                value += float((arrays[name] ** 2).sum()) / 2 / penalty
                gradient[name] = gradient[name] + arrays[name] / penalty
        return value, np.concatenate([gradient[name].ravel() for name in names])

    start = np.concatenate([begin[name].ravel() for name in names])
    options = {"maxiter": _ITERATIONS, "ftol": 1e-6, "gtol": 1e-5}
    return unpack(minimize(flat_loss, start, jac=True, method="L-BFGS-B", options=options).x)
