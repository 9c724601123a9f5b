"""The rows of a table of features: one per track, or per segment of one."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.features.engine import extract
from mgr_jax.features.journal import Journal
from mgr_jax.features.recipes import Recipe
from mgr_jax.workers import Failure


@dataclass(frozen=True)
class AudioTrack:
    """A track to be described.

    Attributes:
      filename: as it will stand in the table; each of them once.
      track: its name.
      load: picklable; gives the waveform [samples] float32 and its sample rate in Hz.
      label, artist, split: empty where unknown.
      state: of its file, see `Journal.forget_changed`; None where it has none.
    """

    filename: str
    track: str
    load: Callable[[], tuple[np.ndarray, int]]
    label: str = ""
    artist: str = ""
    split: str = ""
    state: list[int] | None = None


@dataclass(frozen=True)
class Rows:
    """The rows of a table.

    Attributes:
      filename, track, label, artist, split: [rows] text, the last three empty where unknown.
      length: [rows] samples.
      values: [rows, columns] float64.
      columns: their names.
    """

    filename: list[str]
    track: list[str]
    label: list[str]
    artist: list[str]
    split: list[str]
    length: list[int]
    values: np.ndarray
    columns: tuple[str, ...]

    def known(self, *names: str) -> dict[str, list[str]]:
        """The given columns of text that are not empty."""
        return {name: getattr(self, name) for name in names if any(getattr(self, name))}


def extract_rows(
    tracks: Sequence[AudioTrack],
    recipe: Recipe,
    *,
    seconds: float = 0.0,
    journal: Journal | None = None,
    note: Callable[[str, Sequence[str]], None] | None = None,
    workers: int = 0,
    title: str = "features",
    progress: bool = True,
) -> tuple[Rows, dict[str, str]]:
    """Computes the features of tracks or of their segments.

    Args:
      tracks: in the order of the table.
      recipe: the features.
      seconds: length of the consecutive segments; an incomplete last segment is left out. 0: whole
        tracks.
      journal: see `extract`.
      note: see `extract`.
      workers: processes; 0 computes in this one.
      title: of the progress bar.
      progress: show the progress bar.

    Returns:
      The rows, and the reason for each track that was skipped, by file name.
    """
    if workers > 1:
        _compile(recipe)
    if journal:
        journal.forget_changed({track.filename: track.state for track in tracks})
    answers = extract(
        {track.filename: track.load for track in tracks},
        functools.partial(_describe, recipe=recipe, seconds=seconds),
        journal=journal,
        note=note,
        workers=workers,
        title=title,
        unit="track",
        progress=progress,
    )
    skipped = {name: a.reason for name, a in answers.items() if isinstance(a, Failure)}
    described = {name: a for name, a in answers.items() if not isinstance(a, Failure)}
    return _join(
        [t for t in tracks if t.filename in described], described, recipe, seconds
    ), skipped


def _compile(recipe: Recipe) -> None:
    """Makes numba compile and cache librosa's functions before several processes need them.

    numba numbers the programs of a function in its cache. Two processes may give two programs the
    same number, and a process that loads the wrong one crashes until the cache is removed.
    """
    noise = np.random.default_rng(0).normal(0.0, 0.1, 22_050).astype(np.float32)
    recipe.describe(noise, 22_050)


def _describe(
    waveform: np.ndarray, sample_rate: int, *, recipe: Recipe, seconds: float
) -> np.ndarray:
    """Length in samples and features of each segment of a track, [segments, 1 + columns]."""
    size = round(seconds * sample_rate) or len(waveform)
    starts = range(0, len(waveform) - size + 1, size) if size else range(1)
    parts = [waveform[start : start + size] for start in starts]
    if not parts:
        raise UserError(
            f"its {len(waveform) / sample_rate:.2f} s are less than a segment of {seconds:g} s; "
            "choose shorter segments, or whole tracks (0 seconds)",
            code="audio.too_short",
        )
    return np.stack([np.append(size, recipe.describe(part, sample_rate)) for part in parts])


def _join(
    tracks: Sequence[AudioTrack],
    described: Mapping[str, np.ndarray],
    recipe: Recipe,
    seconds: float,
) -> Rows:
    none = np.zeros((0, 1 + len(recipe.columns)))
    matrix = np.concatenate([none, *(described[track.filename] for track in tracks)])
    rows = [(t, number) for t in tracks for number in range(len(described[t.filename]))]
    return Rows(
        filename=[_part(t.filename, number) if seconds else t.filename for t, number in rows],
        track=[track.track for track, _ in rows],
        label=[track.label for track, _ in rows],
        artist=[track.artist for track, _ in rows],
        split=[track.split for track, _ in rows],
        length=matrix[:, 0].astype(int).tolist(),
        values=matrix[:, 1:],
        columns=recipe.columns,
    )


def _part(filename: str, number: int) -> str:
    """Kaggle's name of a segment: blues.00000.wav → blues.00000.3.wav."""
    stem, dot, suffix = filename.rpartition(".")
    return f"{stem}.{number}{dot}{suffix}"
