"""Reads a file of features, whatever its form."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from mgr_jax.data.datasets import find_datasets
from mgr_jax.data.feature_files.npz import read_npz
from mgr_jax.data.feature_files.tables import read_csv, read_parquet
from mgr_jax.data.feature_files.tracks import FeatureTracks
from mgr_jax.errors import UserError


class TableFormat(Protocol):
    """A module that reads the feature tables of one dataset, in their published form."""

    def claims(self, path: Path) -> bool:
        """Whether a file, a folder or an archive looks like tables of this dataset."""

    def read_table(self, path: Path) -> FeatureTracks:
        """Reads the features; raises a UserError if the path holds none."""

    def join_tracks(self, table: FeatureTracks, tracks: Path, subset: str | None) -> FeatureTracks:
        """Adds genre, artist and split from the dataset's table of tracks.

        Args:
          table: features, however they were read.
          tracks: path of the dataset's table of tracks.
          subset: which of its tracks to keep; None: all.

        Returns:
          The tracks of the subset.

        Raises:
          UserError: no such table or subset, or none of the tracks is in it.
        """


def _formats() -> Iterable[TableFormat]:
    return (found.load(found.tables) for found in find_datasets().values() if found.tables)


def read_features(
    path: Path, tracks: Path | None = None, *, subset: str | None = None
) -> FeatureTracks:
    """Reads a file of features.

    An .npz file holds `track` (names) and either `mel` [track, bins, frames] or `features` [track,
    frames, bins(, channels)]. A .csv or .parquet table has a column `track`, `track_id` or
    `filename` (or another of `csv_text.FILE_NAMES`) and numeric columns; every row is a frame. All
    may hold `label` (or `genre`, or `class`), `artist` and `split`, in upper or lower case. Without
    `label` the genre is the part of a track's name before the first dot. Genres that look alike are
    joined, see `join_alike`.

    Names are shortened as `track_names` describes: the rows of Kaggle's features_3_sec.csv are
    frames of 30-s tracks, in the order of their numbers, whatever their order in the file. Columns
    `segment` and `frame` also order rows, and are not features. Rows without a number keep their
    order. float64 becomes float32. A .csv file may be Excel's: UTF-16, with tabs or semicolons, and
    then with decimal commas. A dataset may have tables in its own form, such as FMA.

    Args:
      path: the file; or a dataset's published tables, such as FMA's fma_metadata.zip or its folder,
        whose features.csv and tracks.csv are read (a minute from the archive, seconds from the
        folder).
      tracks: a dataset's table of tracks, such as FMA's tracks.csv, or the folder or zip archive
        that holds it: its label, artist, album (a group) and split are used. Tracks without a root
        genre get the label "".
      subset: with a table of tracks, which of them to keep: for FMA small, medium, large or full,
        each of which contains those before it.

    Returns:
      The tracks.

    Raises:
      UserError: the file is missing, damaged or has another form, or holds a value that is not a
        finite number; or `subset` is given without a table of tracks.
    """
    form = _find_format(path)
    table = form.read_table(path) if form else _read_file(path)
    if form and path.suffix.lower() != ".csv":
        tracks = tracks or path  # it holds both tables
    if tracks:
        form = form or _find_format(tracks)
        if not form:
            raise UserError(
                f"{tracks} is not a table of tracks that is known here; give FMA's tracks.csv, or "
                "fma_metadata.zip or its folder",
                code="table.not_of_tracks",
            )
        return form.join_tracks(table, tracks, subset)
    if subset:
        raise UserError(
            f"the subset '{subset}' needs the table that says which tracks are in it; give it "
            "(`tracks`), such as FMA's tracks.csv or fma_metadata.zip",
            code="argument.missing",
        )
    return table


def _find_format(path: Path) -> TableFormat | None:
    return next((form for form in _formats() if form.claims(path)), None)


def _read_file(path: Path) -> FeatureTracks:
    readers = {".npz": read_npz, ".csv": read_csv, ".parquet": read_parquet}
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise UserError(
            f"{path} is no .npz, .csv or .parquet file; store features as one of them",
            code="file.wrong_suffix",
        )
    if not path.is_file():
        raise UserError(f"{path} is not a file; check the path", code="file.not_found")
    return readers[suffix](path)
