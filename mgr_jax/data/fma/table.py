"""Reads FMA's features.csv, and joins tables of its tracks with tracks.csv.

Three rows of the header say feature, statistics and number of a column; a fourth names the index.
"""

import csv
import io
import textwrap
import warnings
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np

from mgr_jax.data.archives import file_sizes, open_file
from mgr_jax.data.feature_files.header import TEXTS, feature_columns
from mgr_jax.data.feature_files.tracks import FeatureTracks, group_rows
from mgr_jax.data.fma.metadata import read_tracks
from mgr_jax.data.fma.published import SUBSETS
from mgr_jax.errors import UserError, unknown_name

_HEADER = ("feature", "statistics", "number", "track_id")


def claims(path: Path) -> bool:
    """Whether this is a folder, a zip archive, or a file that begins like one of FMA's tables."""
    if path.is_dir() or path.suffix.lower() == ".zip":
        return True
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.readline(64).startswith((b"feature,", b",album,", b'"",'))


def read_table(path: Path) -> FeatureTracks:
    """Reads a table with FMA's header; columns are named like mfcc.mean.01.

    Args:
      path: features.csv, or the folder or zip archive that holds it.

    Returns:
      The tracks.

    Raises:
      UserError: there is no such file, or it has another form.
    """
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    source, name = path.parent, path.name
    if path.is_dir() or path.suffix.lower() == ".zip":
        found = [file for file in file_sizes(path) if PurePosixPath(file).name == "features.csv"]
        if not found:
            raise UserError(
                f"{path} holds no features.csv; give fma_metadata.zip or the file",
                code="archive.missing_file",
            )
        source, name = path, found[0]
    try:
        with open_file(source, name) as file:
            names = _column_names("".join(file.readline().decode() for _ in _HEADER))
            columns = feature_columns(path, names)
            types = {column: pa.float32() for column in columns}
            table = pa_csv.read_csv(
                file,
                read_options=pa_csv.ReadOptions(column_names=names),
                convert_options=pa_csv.ConvertOptions(
                    column_types={column: types.get(column, pa.string()) for column in names}
                ),
            )
    except (pa.ArrowException, csv.Error, ValueError) as error:
        if isinstance(error, pa.ArrowInvalid) and "Empty CSV" in str(error):
            raise UserError(
                f"{path} holds no rows below its header; add some", code="table.empty"
            ) from error
        why = textwrap.shorten(str(error), 120, placeholder=" …")  # it may quote a whole row
        raise UserError(
            f"{path} is not a table like FMA's features.csv ({why}); download it again",
            code="metadata.damaged",
        ) from error
    values = np.empty((len(table), len(columns)), np.float32)
    for position, column in enumerate(columns):
        values[:, position] = table.column(column).to_numpy()  # blank cells become NaN
    tracks = table.column("track_id").to_pylist()
    texts = {field: table.column(field).to_pylist() for field in TEXTS if field in names}
    return group_rows(
        path, tracks, texts, values, columns, lambda row: f"{path}, track {tracks[row]}"
    )


def _column_names(top: str) -> list[str]:
    header = list(csv.reader(io.StringIO(top), strict=True))
    if tuple(row[0] for row in header if row) != _HEADER:
        raise ValueError(f"its first rows do not begin with {', '.join(_HEADER)}")
    levels = zip(*(row[1:] for row in header[:3]), strict=True)
    return ["track_id", *(".".join(filter(None, level)) for level in levels)]


def join_tracks(table: FeatureTracks, tracks: Path, subset: str | None) -> FeatureTracks:
    """Adds genre, artist, album and split to tracks of FMA.

    Args:
      table: features of tracks, named by their ids, with or without leading zeros.
      tracks: tracks.csv, or the folder or zip archive that holds it.
      subset: one of SUBSETS, each of which contains those before it; None: all.

    Returns:
      The tracks of the subset that the table holds, in its order. The label is the root genre,
      empty for tracks with none or several; groups are `album`.

    Raises:
      UserError: no such file or subset, or the table holds no track of it.
    """
    if subset not in (None, *SUBSETS):
        raise unknown_name("FMA subset", str(subset), SUBSETS)
    known = {str(row.track_id): row for row in read_tracks(tracks, subset or "full")}
    ids = [str(int(name)) if name.isdecimal() else name for name in table.track_id]
    track, count = Counter(ids).most_common(1)[0]
    if count > 1:
        raise UserError(
            f"{table.path} holds track {track} {count} times, with and without leading zeros; keep "
            "one of them",
            code="table.duplicate_track",
        )
    rows = [row for row, track in enumerate(ids) if track in known]
    if not rows:
        raise UserError(
            f"{table.path} holds none of the {len(known)} tracks of {tracks} (its first is "
            f"'{table.track_id[0]}'); give a table of FMA's tracks, called by their ids",
            code="table.no_match",
        )
    if subset and len(rows) < len(known):
        warnings.warn(
            f"{table.path} lacks {len(known) - len(rows)} of the {len(known)} tracks of FMA "
            f"{subset}",
            stacklevel=3,
        )
    about = [known[ids[row]] for row in rows]
    return FeatureTracks(
        path=table.path,
        track_id=[str(track.track_id) for track in about],
        features=[table.features[row] for row in rows],
        label=[track.genre for track in about],
        artist=[track.artist for track in about],
        split=[track.split for track in about],
        columns=table.columns,
        groups={"album": [track.album for track in about]},
        published=True,
    )
