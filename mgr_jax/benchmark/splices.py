"""Splices with known genre boundaries, and scores of found boundaries."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from mgr_jax.data.cache import Tracks
from mgr_jax.evaluation.bootstrap import bootstrap_intervals, wilson_interval

PIECES = 6  # pieces of a splice
PIECE_SECONDS = (8.0, 20.0)
FADES = (0.0, 0.05)  # seconds of cross-fade, in turn
PURE_SECONDS = 30.0  # shortest clip of one genre; shorter tracks are repeated
PURE_CLIPS = 120  # at most
# With this expected number, the chance of no event is 2.5 % (Poisson).
_NONE_SEEN = -np.log(0.025)


@dataclasses.dataclass(frozen=True)
class Clip:
    """A piece of sound with known genres.

    Attributes:
      name: name of the clip.
      samples: [samples] int16.
      boundaries: times at which a new genre begins, in seconds; none in a pure clip.
      labels: class of each piece, [boundaries + 1].
    """

    name: str
    samples: np.ndarray
    boundaries: np.ndarray
    labels: np.ndarray


def splice_tracks(tracks: Tracks, classes: Sequence[int], count: int, seed: int) -> Iterator[Clip]:
    """Joins pieces of tracks; neighbours have different genres.

    Every track is used before one is used again, with another part of it.

    Args:
      tracks: waveforms.
      classes: classes whose tracks are used, at least two.
      count: number of splices.
      seed: seed of the random generator.

    Yields:
      The splices.
    """
    rng = np.random.default_rng(seed)
    deal = _deal(tracks, classes, rng)
    for number in range(count):
        fade = round(FADES[number % len(FADES)] * tracks.rate)
        labels: list[int] = []
        sound, boundaries = np.zeros(0), []
        for _ in range(PIECES):
            track = next(deal[rng.choice([c for c in classes if [c] != labels[-1:]])])
            length = int(tracks.length[track])
            low, high = (min(length, round(s * tracks.rate)) for s in PIECE_SECONDS)
            size = int(rng.integers(low, high + 1))
            start = int(rng.integers(0, length - size + 1))
            piece = tracks.read(track, start, size).astype(np.float64)
            if labels:
                boundaries.append((len(sound) - fade / 2) / tracks.rate)
            sound = _join(sound, piece, fade if labels else 0)
            labels.append(int(tracks.label[track]))
        samples = np.clip(np.rint(sound), -(2**15), 2**15 - 1).astype(np.int16)
        yield Clip(f"splice {number}", samples, np.array(boundaries), np.array(labels))


def pure_clips(tracks: Tracks) -> Iterator[Clip]:
    """Clips of one genre each: tracks of all genres, short ones repeated."""
    by_genre = np.argsort(tracks.label, kind="stable")
    places = np.linspace(0, len(tracks) - 1, min(len(tracks), PURE_CLIPS)).round().astype(int)
    for track in by_genre[places].tolist():
        sound = tracks.read(track)
        times = int(np.ceil(PURE_SECONDS * tracks.rate / len(sound)))
        label = tracks.label[track : track + 1]
        yield Clip(str(tracks.track_id[track]), np.tile(sound, times), np.zeros(0), label)


def match(true: np.ndarray, found: np.ndarray, tolerance: float) -> int:
    """Number of true boundaries that have their own found one within the tolerance.

    Args:
      true: ascending, in seconds.
      found: ascending, in seconds.
      tolerance: in seconds.
    """
    matched, place = 0, 0
    for boundary in true:  # the earliest match leaves the most for later ones
        while place < len(found) and found[place] < boundary - tolerance:
            place += 1
        if place < len(found) and found[place] <= boundary + tolerance:
            matched, place = matched + 1, place + 1
    return matched


@dataclasses.dataclass(frozen=True)
class Counts:
    """Counts of boundaries in clips, [clips] each.

    Attributes:
      true: true boundaries.
      found: found boundaries.
      matched: found ones that are true; see `match`.
      seconds: length of the clip.
    """

    true: np.ndarray
    found: np.ndarray
    matched: np.ndarray
    seconds: np.ndarray


def count_boundaries(
    clips: Sequence[tuple[np.ndarray, float]], found: Sequence[np.ndarray], tolerance: float
) -> Counts:
    """Counts over clips with known boundaries.

    Args:
      clips: the clips.
      found: found boundaries of each, in seconds.
      tolerance: in seconds.

    Returns:
      The counts.
    """
    rows = [
        (len(true), len(there), match(true, there, tolerance), seconds)
        for (true, seconds), there in zip(clips, found, strict=True)
    ]
    return Counts(*np.array(rows, float).reshape(-1, 4).T)


def rates(splices: Counts, pure: Counts) -> dict[str, float]:
    """The scores without intervals: recall, precision, F1, spurious sections per 10 minutes."""
    matched = splices.matched.sum()
    return {
        "recall": float(matched / splices.true.sum()),
        "precision": float(matched / max(splices.found.sum(), 1)),
        "f1": float(2 * matched / (splices.true.sum() + splices.found.sum())),
        "spurious_per_10_min": float(600 * pure.found.sum() / pure.seconds.sum()),
    }


def rates_with_intervals(splices: Counts, pure: Counts) -> dict[str, list[float | None]]:
    """[value, low, high] of `rates`: 95 % bootstrap intervals over splices and pure clips.

    If all or nothing is right, resampling would claim certainty: then the interval is Wilson's for
    a share, and for the number of sections, if none was found, the Poisson limit.
    """

    def of_splices(weights: np.ndarray) -> dict[str, np.ndarray]:
        true, found, matched = (weights @ x for x in (splices.true, splices.found, splices.matched))
        with np.errstate(invalid="ignore"):
            return {
                "recall": matched / true,
                "precision": matched / found,
                "f1": 2 * matched / (true + found),
            }

    def of_pure(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"spurious_per_10_min": 600 * (weights @ pure.found) / (weights @ pure.seconds)}

    figures = bootstrap_intervals(of_splices, np.arange(len(splices.true)))
    figures |= bootstrap_intervals(of_pure, np.arange(len(pure.true)))
    for name, trials in (("recall", splices.true.sum()), ("precision", splices.found.sum())):
        rate = figures[name][0]
        if rate in (0.0, 1.0):
            figures[name][1:] = wilson_interval(rate, int(trials))
    if not pure.found.any():
        figures["spurious_per_10_min"][2] = float(600 * _NONE_SEEN / pure.seconds.sum())
    return figures


def _deal(
    tracks: Tracks, classes: Sequence[int], rng: np.random.Generator
) -> dict[int, Iterator[int]]:
    """For each class its tracks in a random order, drawn again after the last."""

    def endless(rows: np.ndarray) -> Iterator[int]:
        while True:
            yield from rng.permutation(rows).tolist()

    return {int(c): endless(np.flatnonzero(tracks.label == c)) for c in classes}


def _join(sound: np.ndarray, piece: np.ndarray, fade: int) -> np.ndarray:
    """Appends a piece to a sound; during the fade, powers sum to one."""
    if not fade:
        return np.concatenate([sound, piece])
    angle = (np.arange(fade) + 0.5) / fade * np.pi / 2
    both = sound[-fade:] * np.cos(angle) + piece[:fade] * np.sin(angle)
    return np.concatenate([sound[:-fade], both, piece[fade:]])
