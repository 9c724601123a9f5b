"""Chooses the head to teach, by cross-validation within the training songs.

The criterion is the log loss, with equal weight for each genre, averaged over the clips of songs
that were left out; with few songs it is finer than accuracy. A head other than the linear one must
be better by more than one standard error of the difference (the rule of Breiman, Friedman, Olshen
and Stone, Classification and regression trees, 1984, section 3.4.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from mgr_jax.runs.teaching.folds import deal_folds
from mgr_jax.runs.teaching.heads import (
    STANDARDISATIONS,
    Head,
    Settings,
    fit_head,
    mean_by_song,
    mix,
    one_thread,
    sharpen,
)

_PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)
_MLP_PENALTIES = (0.01, 0.1)
_NEIGHBOURS = (1, 3, 5, 10)
_WEIGHTS = tuple(number / 20 for number in range(21))
_IMBALANCE = 2.0  # ratio of the largest to the smallest genre from which class weights are tried
_FOLDS, _FEWER_FOLDS, _MANY = 5, 3, 400  # with this many songs or more, fewer folds suffice


@dataclass(frozen=True)
class Songs:
    """Songs as numbers.

    Attributes:
      embedding: embeddings of the clips, [rows, dim], song after song.
      counts: number of clips of each song.
      labels: [songs] int.
      groups: [songs] int; cross-validation keeps a group in one fold.
      genres: number of classes.
      untrained: the encoder's own outputs mapped to the genres, [rows, genres]; None: there are
        none.
    """

    embedding: np.ndarray
    counts: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    genres: int
    untrained: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def means(self) -> np.ndarray:
        """Mean embedding of each song, [songs, dim]."""
        return mean_by_song(self.embedding, self.counts)

    def select(self, chosen: np.ndarray) -> "Songs":
        """Some of the songs: bool [songs]."""
        rows = np.repeat(chosen, self.counts)
        return Songs(
            self.embedding[rows],
            self.counts[chosen],
            self.labels[chosen],
            self.groups[chosen],
            self.genres,
            None if self.untrained is None else self.untrained[rows],
        )

    def answers(self, head: Head) -> np.ndarray:
        """Probabilities [songs, genres]."""
        return head.song_probabilities(self.embedding, self.untrained, self.counts)


@dataclass(frozen=True)
class Choice:
    """The chosen head.

    Attributes:
      settings: settings of the head.
      weight: weight of the untrained outputs.
      power: power to which they are raised.
      losses: log loss of each candidate, by its description.
    """

    settings: Settings
    weight: float
    power: float
    losses: dict[str, float]

    def fit(self, songs: Songs) -> Head:
        """Fits the chosen head to all of some songs."""
        head = fit_head(self.settings, songs.means, songs.labels, songs.genres)
        return head.mixed(self.weight, self.power)


def choose(songs: Songs, *, folds: int | None = None, seed: int = 0) -> Choice:
    """Chooses a head for songs.

    Args:
      songs: all training songs.
      folds: number of folds; None: five, or three for many songs, or one per group if there are
        few.
      seed: seed of the folds.

    Returns:
      The choice.
    """
    with one_thread():
        return _choose(songs, folds, seed)


def _choose(songs: Songs, folds: int | None, seed: int) -> Choice:
    most = folds or (_FEWER_FOLDS if len(songs) >= _MANY else _FOLDS)
    several = of_several_groups(songs)
    fold = np.full(len(songs), -1)
    if several.any():
        fold[several] = deal_folds(songs.labels[several], songs.groups[several], most, seed)
    if fold.max() < 1:  # no song can be left out to choose by
        return Choice(Settings(penalty=0.01), 0.0, 1.0, {})
    tried = _Tried(songs, fold)
    linear = tried.best(
        [
            Settings(standardise=how, penalty=penalty)
            for how in STANDARDISATIONS
            for penalty in _PENALTIES
        ]
    )
    support = np.bincount(songs.labels, minlength=songs.genres)
    support = support[support > 0]
    if support.max() >= _IMBALANCE * support.min():
        linear = tried.simplest([linear, replace(linear, balanced=True)])
    others = [replace(linear, kind="mlp", penalty=penalty) for penalty in _MLP_PENALTIES]
    nearest = [k for k in _NEIGHBOURS if k == 1 or k * 2 <= len(songs)]
    votes = [replace(linear, kind="knn", neighbours=k, balanced=False) for k in nearest]
    settings = tried.simplest([linear, tried.best(others), tried.best(votes)])
    weight, power = tried.mixture(settings)
    return Choice(settings, weight, power, tried.told)


def of_several_groups(songs: Songs) -> np.ndarray:
    """Which songs are of a genre that other groups contain too, [songs] bool."""
    pairs = np.unique(np.stack([songs.labels, songs.groups]), axis=1)
    return np.bincount(pairs[0], minlength=songs.genres)[songs.labels] > 1


class _Tried:
    """The cross-validated probabilities of each candidate."""

    def __init__(self, songs: Songs, fold: np.ndarray) -> None:
        self._songs, self._fold = songs, fold
        self._means = songs.means
        self._known: dict[Settings, np.ndarray] = {}
        support = np.bincount(songs.labels, minlength=songs.genres)
        self._weights = (fold >= 0) / support[songs.labels]
        self._weights /= self._weights.sum()
        self.told: dict[str, float] = {}

    def answers(self, settings: Settings) -> np.ndarray:
        """Probabilities [rows, genres] of clips, by heads that were not fitted to their songs."""
        if settings not in self._known:
            songs, found = self._songs, np.zeros((len(self._songs.embedding), self._songs.genres))
            for fold in range(self._fold.max() + 1):
                out = self._fold == fold
                head = fit_head(settings, self._means[~out], songs.labels[~out], songs.genres)
                rows = np.repeat(out, songs.counts)
                found[rows] = head.probabilities(songs.embedding[rows], None)
            self._known[settings] = found
            self.told[str(settings)] = float(self._losses(found) @ self._weights)
        return self._known[settings]

    def _losses(self, rows: np.ndarray) -> np.ndarray:
        """Log loss of each song."""
        found = mean_by_song(rows, self._songs.counts)
        right = found[np.arange(len(found)), self._songs.labels]
        return -np.log(np.maximum(right, 1e-6))

    def best(self, some: Sequence[Settings]) -> Settings:
        """The candidate of the least loss; of equal ones, the first."""
        return min(some, key=lambda s: float(self._losses(self.answers(s)) @ self._weights))

    def simplest(self, some: Sequence[Settings]) -> Settings:
        """The first candidate, unless another is better by more than a standard error."""
        first = some[0]
        losses = self._losses(self.answers(first))
        clearly = [first]
        for other in some[1:]:
            gain = losses - self._losses(self.answers(other))
            mean = float(gain @ self._weights)
            error = float(np.sqrt((self._weights**2) @ (gain - mean) ** 2))
            clearly += [other] * (mean > error)
        return self.best(clearly)

    def mixture(self, settings: Settings) -> tuple[float, float]:
        """Weight and power of the untrained outputs.

        The weight is the mean of all weights, weighted by the likelihood of the left-out songs.
        With few songs the single best weight would often be 0 or 1 by chance.
        """
        untrained = self._songs.untrained
        if untrained is None:
            return 0.0, 1.0

        def alone(logarithm: float) -> float:
            loss = self._losses(sharpen(untrained, float(np.exp(logarithm)))) @ self._weights
            return float(loss)

        found = minimize_scalar(alone, bounds=np.log((0.1, 4.0)), method="bounded")
        power = float(np.exp(found.x))
        trained, other = self.answers(settings), sharpen(untrained, power)
        losses = {w: float(self._losses(mix(trained, other, w)) @ self._weights) for w in _WEIGHTS}
        ends = {"trained head alone": losses[0.0], "untrained outputs alone": losses[1.0]}
        songs = int((self._weights > 0).sum())
        likely = softmax([-songs * loss for loss in losses.values()])
        weight = round(float(likely @ list(losses)), 2)
        mixed = float(self._losses(mix(trained, other, weight)) @ self._weights)
        self.told |= ends | {f"untrained outputs weigh {weight:g}": mixed}
        return weight, power
