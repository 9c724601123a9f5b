"""Confidence intervals for segments that are not independent, because they share tracks."""

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

# Weights held at once, about 16 MB in float64: bounded for any split, and kind to the cache.
_WEIGHTS_AT_ONCE = 2_000_000


Statistic = Callable[[np.ndarray], dict[str, np.ndarray]]
Intervals = dict[str, list[float | None]]


def bootstrap_intervals(
    statistic: Statistic,
    groups: np.ndarray,
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Intervals:
    """Percentile bootstrap over groups (cluster bootstrap): a drawn group brings all its rows.

    A resample is a row of weights that count how often each row was drawn. So a statistic scores
    many resamples in one array operation. Source: Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 13; Davison and Hinkley, Bootstrap Methods, 1997, section 3.8.

    Args:
      statistic: maps weights [resamples, rows] to named scores [resamples]; NaN if undefined.
      groups: [rows], the unit to resample; here the tracks.
      resamples: number of bootstrap resamples.
      confidence: coverage of the interval.
      seed: decides the resamples; equal groups and seeds give equal resamples.

    Returns:
      `{name: [value, low, high]}`. A value is None if the score is undefined. The interval ignores
      resamples with an undefined score. It is [None, None] if all are undefined, or if there are
      fewer than two groups, because one group says nothing about the spread.

    Raises:
      ValueError: no resamples, or a confidence outside (0, 1).
    """
    (found,) = bootstrap_tables(
        [(statistic, groups)], resamples=resamples, confidence=confidence, seed=seed
    )
    return found


def bootstrap_tables(
    tables: Sequence[tuple[Statistic, np.ndarray]],
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[Intervals]:
    """What `bootstrap_intervals` gives of each table, from the same resamples, drawn once.

    Drawing takes longer than scoring.

    Args:
      tables: of each a statistic and the groups of its rows; all have the same groups.
      resamples: number of bootstrap resamples.
      confidence: coverage of the interval.
      seed: decides the resamples.

    Raises:
      ValueError: no resamples, a confidence outside (0, 1), or tables of other groups.
    """
    if resamples < 1 or not 0 < confidence < 1:
        raise ValueError(
            f"resamples={resamples} and confidence={confidence} give no interval; "
            "use at least 1 resample and a confidence between 0 and 1"
        )
    statistics = [statistic for statistic, _ in tables]
    found = [np.unique(groups, return_inverse=True) for _, groups in tables]
    names, indices = found[0][0], [index for _, index in found]
    if not all(np.array_equal(names, others) for others, _ in found):
        raise ValueError("the tables have other groups; bootstrap each for itself")
    values = [
        statistic(np.ones((1, len(index))))
        for statistic, index in zip(statistics, indices, strict=True)
    ]
    if len(names) < 2:
        return [{name: [number(x[0]), None, None] for name, x in of.items()} for of in values]

    rng = np.random.default_rng(seed)
    chance = np.full(len(names), 1 / len(names))
    at_once = max(1, _WEIGHTS_AT_ONCE // max(map(len, indices)))
    parts: list[list[dict[str, np.ndarray]]] = [[] for _ in tables]
    for done in range(0, resamples, at_once):
        counts = rng.multinomial(len(names), chance, size=min(at_once, resamples - done))
        drawn = counts.astype(np.float64)
        for statistic, index, part in zip(statistics, indices, parts, strict=True):
            part.append(statistic(drawn[:, index]))
    return [_intervals(value, part, confidence) for value, part in zip(values, parts, strict=True)]


def _intervals(
    values: dict[str, np.ndarray], parts: Sequence[dict[str, np.ndarray]], confidence: float
) -> Intervals:
    """The percentiles of the scores of resamples, that come in parts, beside the value."""
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    result = {}
    for name, value in values.items():
        scores = np.concatenate([part[name] for part in parts])
        scores = scores[~np.isnan(scores)]
        limits = np.quantile(scores, tails) if len(scores) else [np.nan, np.nan]
        result[name] = [number(x) for x in (value[0], *limits)]
    return result


def wilson_interval(rate: float, trials: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion. It is meaningful at 0 and 1, where resampling fails.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, 1927.

    Args:
      rate: the observed proportion, in [0, 1].
      trials: number of independent trials, at least 1.
      confidence: coverage of the interval.

    Returns:
      The limits (low, high).
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    scale = 1 + z**2 / trials
    centre = (rate + z**2 / (2 * trials)) / scale
    half = z / scale * np.sqrt(rate * (1 - rate) / trials + z**2 / (4 * trials**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def number(value: float) -> float | None:
    """A score in JSON: None for NaN."""
    return None if np.isnan(value) else float(value)
