"""The files and tracks that embeddings are computed from, with their metadata."""

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mgr_jax.audio.io import Limits
from mgr_jax.data.index_table import read_index_table
from mgr_jax.data.sources import file_state
from mgr_jax.decisions import Timeline
from mgr_jax.prediction.prediction import Prediction
from mgr_jax.prediction.predictor import Predictor
from mgr_jax.runs.model_tables import side_rows
from mgr_jax.runs.split_predictions import DatasetSplits, predict_tracks_of

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class About:
    """Metadata of a file or track; empty strings are unknown."""

    name: str
    split: str = ""
    genre: str = ""
    artist: str = ""
    title: str = ""
    state: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """Its unique name."""
        return f"{self.split}/{self.name}" if self.split else self.name


@dataclass(frozen=True)
class Outcome:
    """The outcome for a file or track; see `FilePrediction`."""

    about: About
    prediction: Prediction | None
    seconds: float
    error: str = ""
    notes: tuple[str, ...] = ()


def about_files(paths: Sequence[str], given: Sequence[Path]) -> Iterator[About]:
    """The metadata that indexes hold of files; tags are read later, with each file."""
    folders = [path for path in given if path.is_dir()]
    indexes: dict[Path, dict[str, Mapping[str, str]]] = {}
    for name in paths:
        path, row = Path(name), _NOTHING
        for folder in dict.fromkeys([path.parent, path.parent.parent, *folders]):
            if folder not in indexes:
                index = folder / "index.csv"
                listed = read_index_table(index) if index.is_file() else []
                indexes[folder] = {str(folder / r.values["path"]): r.values for r in listed}
            row = row or indexes[folder].get(name, _NOTHING)
        told = {key: row.get(key, "") for key in ("genre", "artist", "title")}
        yield About(name, "", **told, state=file_state(path))


def file_outcomes(
    predictor: Predictor,
    todo: Sequence[About],
    table: str | os.PathLike[str] | None,
    timeline: bool | Timeline,
    limits: Limits,
    workers: int | None,
) -> Generator[Outcome, None, None]:
    """Classifies files; see `embed` and `predict_stream`.

    Args:
      predictor: the model.
      todo: metadata of the files.
      table: for a fusion with a table, the table's path; empty: none.
      timeline: see `Predictor.predict`.
      limits: which files are refused.
      workers: processes that decode.

    Yields:
      One outcome per file.
    """
    if not todo:
        return
    names = [about.name for about in todo]
    sides = side_rows(str(table or ""), predictor, names)
    predictor.side.encode_track(sides[0])  # a missing table is reported before the work
    found = predictor.predict_files(
        names, sides=sides, timeline=timeline, limits=limits, workers=workers
    )
    for about, file in zip(todo, found, strict=True):
        error = str(file.error) if file.error else ""
        yield Outcome(about, file.prediction, file.seconds, error, file.notes)


def split_outcomes(
    predictor: Predictor, dataset: DatasetSplits, todo: Sequence[About], timeline: bool | Timeline
) -> Generator[Outcome, None, None]:
    """Classifies tracks of splits.

    Args:
      predictor: the model.
      dataset: the opened splits.
      todo: metadata of the tracks.
      timeline: see `Predictor.predict`.

    Yields:
      One outcome per track.
    """
    keys = {about.key: about for about in todo}
    tracks = [track for track in dataset.tracks if track.key in keys]
    for track, prediction in predict_tracks_of(predictor, tracks, timeline):
        yield Outcome(keys[track.key], prediction, track.seconds)
