"""Reads files of features: .npz arrays, .csv and .parquet tables."""

from pathlib import Path

from mgr_jax.data.feature_array.fma_table import is_fma_table, join_tracks_csv, read_fma_table
from mgr_jax.data.feature_array.npz import read_npz
from mgr_jax.data.feature_array.tables import read_csv, read_parquet
from mgr_jax.data.feature_array.tracks import FeatureTracks, full_names, track_names
from mgr_jax.errors import UserError

__all__ = ["FeatureTracks", "full_names", "read_features", "track_names"]


def read_features(
    path: Path, tracks: Path | None = None, *, subset: str | None = None
) -> FeatureTracks:
    """Reads a file of features.

    An .npz file holds `track` (names) and either `mel` [track, bins, frames] or `features` [track,
    frames, bins(, channels)]; a .csv or .parquet table has a column `track`, `track_id` or
    `filename` and numeric columns, and every row is a frame. All may hold `label`, `artist` and
    `split`; without `label` the genre is what stands before the first dot of a track's name. Names
    are cut as `track_names` says: the rows of Kaggle's features_3_sec.csv become frames of 30-s
    tracks. float64 becomes float32. A .csv file may have FMA's header of three rows instead.

    Args:
      path: the file; or FMA's fma_metadata.zip or its folder, for the features.csv and tracks.csv
        in it (a minute from the archive, seconds from the folder).
      tracks: FMA's tracks.csv, or the folder or zip archive that holds it: what it says of label,
        artist, album (a group) and split holds. Tracks without a root genre have label "".
      subset: with tracks.csv, one of small, medium, large and full, each holding those before it.

    Raises:
      UserError: the file is missing, damaged or of another form, or holds a value that is not a
        finite number; `subset` without tracks.csv.
    """
    if path.is_dir() or path.suffix == ".zip":
        table, tracks = read_fma_table(path), tracks or path
    else:
        table = _read_file(path)
    if tracks:
        return join_tracks_csv(table, tracks, subset)
    if subset:
        raise UserError(
            f"--subset={subset} needs FMA's tracks.csv; give --tracks=fma_metadata.zip, or the file"
        )
    return table


def _read_file(path: Path) -> FeatureTracks:
    readers = {".npz": read_npz, ".csv": read_csv, ".parquet": read_parquet}
    if path.suffix not in readers:
        raise UserError(f"{path} is no .npz, .csv or .parquet file; store features as one of them")
    if not path.is_file():
        raise UserError(f"{path} is not a file; check the path")
    if path.suffix == ".csv" and is_fma_table(path):
        return read_fma_table(path)
    return readers[path.suffix](path)
