"""Fits a check that tells music from other sounds: tracks of a run against synthetic sounds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from scipy.optimize import minimize

from mgr_jax.audio.clips import segment_starts
from mgr_jax.background import background_scores, expand_statistics, sound_statistics
from mgr_jax.evaluation import wilson_interval
from mgr_jax.input_spec import InputSpec
from mgr_jax.runs.background_sounds import KINDS, make_background

REFUSED = 0.01  # largest share of music clips that may be refused
_FOLDS = 5
_SOUNDS, _HELD_OUT = 60, 30  # of each kind
_QUIETER = 30.0  # dB: music is shown at its own level, and up to this much quieter
_PENALTY = 0.1


@dataclass(frozen=True)
class Music:
    """Statistics of clips of music.

    Attributes:
      statistics: [clips, n]; see `sound_statistics`.
      artist: artist of each clip's track, or the track if the artist is unknown, [clips] text.
    """

    statistics: np.ndarray
    artist: np.ndarray

    @classmethod
    def hear(cls, tracks: Iterable[tuple[str, np.ndarray]], spec: InputSpec) -> "Music":
        """Computes the statistics of the clips that cover tracks.

        Args:
          tracks: (artist, [samples] int16) of each track.
          spec: input specification of the network, which sets the clips.

        Returns:
          The statistics of all clips.
        """
        clip, rate = spec.clip_samples, spec.sample_rate
        found = [
            (artist, sound_statistics(track[start : start + clip], rate))
            for artist, track in tracks
            for start in segment_starts(len(track), clip)
        ]
        artists, statistics = zip(*found, strict=True)
        return cls(np.stack(statistics), np.array(artists))


def fit_background(
    music: Music, quiet: Music, spec: InputSpec, *, seed: int = 0
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fits a detector of sounds that are not music.

    Args:
      music: clips of tracks that are not used for testing. They may be training tracks of the
        network.
      quiet: the same clips at lower levels; see `quieter`.
      spec: input specification of the network whose clips are checked.
      seed: seed of the synthetic sounds.

    Returns:
      The detector (see `Decisions.background`), and its measurements: `found`, the share of new
      synthetic sounds of each kind that it detects.
    """

    def make(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Kinds of sounds [sounds] and their statistics [sounds, n]."""
        rate, seconds = spec.sample_rate, spec.clip_samples / spec.sample_rate
        made = make_background(rate, seconds, count * len(KINDS), seed=seed)
        kinds, found = zip(*((k, sound_statistics(sound, rate)) for k, sound in made), strict=True)
        return np.array(kinds), np.stack(found)

    detector = fit_detector(music, quiet, make(_SOUNDS, seed)[1])
    kinds, new = make(_HELD_OUT, seed + 1)
    found = background_scores(new, detector) > detector["threshold"]
    return detector, {
        "clips": len(music.artist),
        "found": {kind: float(found[kinds == kind].mean()) for kind in KINDS},
    }


def fit_detector(music: Music, quiet: Music, made: np.ndarray) -> dict[str, Any]:
    """Logistic regression on statistics and their squares; see `fit_background`.

    The threshold is chosen by cross-validation: each fifth of the artists is scored by a detector
    that was fitted to the others.

    Args:
      music: clips of music.
      quiet: the same clips at lower levels.
      made: statistics of sounds that are not music, [sounds, n].

    Returns:
      The detector.
    """
    _, number = np.unique(music.artist, return_inverse=True)
    part = np.random.default_rng(0).permutation(number.max() + 1)[number] % _FOLDS
    scores = np.zeros(len(part))
    for fold in np.unique(part):
        there = part != fold
        if there.any():
            fitted = _fit(music.statistics[there], quiet.statistics[there], made)
            scores[~there] = background_scores(music.statistics[~there], fitted)
    fitted = _fit(music.statistics, quiet.statistics, made)
    return fitted | {"threshold": choose_threshold(scores)}


def _fit(music: np.ndarray, quiet: np.ndarray, made: np.ndarray) -> dict[str, Any]:
    """A detector without its threshold, from statistics [clips, n]."""
    mean, scale = music.mean(axis=0), np.maximum(music.std(axis=0), 1e-3)
    clips = np.concatenate([music, quiet, made])
    truth = np.arange(len(clips)) >= len(music) + len(quiet)
    weights, bias = fit_logistic(expand_statistics(clips, mean, scale), truth)
    return {
        "mean": tuple(mean.tolist()),
        "scale": tuple(scale.tolist()),
        "weights": tuple(weights.tolist()),
        "bias": bias,
    }


def share_refused(heard: Music, detector: Mapping[str, Any]) -> list[float]:
    """The share of clips that a detector refuses, with Wilson's 95 % interval."""
    share = float((background_scores(heard.statistics, detector) > detector["threshold"]).mean())
    return [share, *wilson_interval(share, len(heard.artist))]


def choose_threshold(scores: np.ndarray) -> float:
    """The threshold that at most 1 % of the scores [clips] of music exceed.

    With few clips of few tracks the empirical percentile is too low. If a normal distribution gives
    a higher one, that is used.
    """
    guess = scores.mean() - NormalDist().inv_cdf(REFUSED) * scores.std()
    return float(max(np.sort(scores)[-1 - int(REFUSED * len(scores))], guess))


def quieter(track: np.ndarray, number: int) -> np.ndarray:
    """A track [samples] int16 at a lower level; the amount depends on its number."""
    gain = 10 ** (-np.random.default_rng(number).uniform(0, _QUIETER) / 20)
    return np.round(track * gain).astype(np.int16)


def fit_logistic(inputs: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, float]:
    """Fits a logistic regression with balanced classes and an L2 penalty.

    Args:
      inputs: [rows, n].
      truth: [rows], 0 or 1.

    Returns:
      Weights [n] and bias.
    """
    sign = np.where(truth, 1.0, -1.0)
    share = 0.5 / np.where(truth, truth.sum(), (~truth).sum())

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = parameters[:-1], parameters[-1]
        margin = sign * (inputs @ weights + bias)
        slope = -share * sign * np.exp(-np.logaddexp(0, margin))
        value = share @ np.logaddexp(0, -margin) + _PENALTY / 2 * weights @ weights
        return value, np.append(inputs.T @ slope + _PENALTY * weights, slope.sum())

    start = np.zeros(inputs.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return found[:-1], float(found[-1])
