"""Writes tables of features with the columns of the published ones."""

import csv
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.data.feature_files import track_names
from mgr_jax.errors import UserError


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
        """Those of the named texts that say something."""
        return {name: getattr(self, name) for name in names if any(getattr(self, name))}


def check_path(path: Path) -> None:
    """Raises a UserError unless a table can be written under this name."""
    if path.suffix not in (".csv", ".parquet"):
        raise UserError(f"--out={path} must end in .csv or .parquet")


def write_table(path: Path, rows: Rows, *, fma_header: bool) -> None:
    """Writes a table that `read_features` reads, wholly or not at all.

    A .parquet file has the columns track, filename, length, the features, label, artist, split; a
    .csv file those of Kaggle's GTZAN tables (filename, length, the features, label), or FMA's
    header of three rows and the tracks as index. To the .csv files are added, behind the
    published columns: the track where the file name does not tell it, the artist and the split
    where they are known, and the label where FMA's header has none.

    Args:
      path: of a .csv or .parquet file.
      rows: the rows.
      fma_header: whether a .csv file gets FMA's header, to which columns like mfcc.mean.01 belong.
    """
    write: Callable[[Path, Rows], None] = _write_kaggle
    if path.suffix == ".parquet":
        write = _write_parquet
    elif fma_header:
        write = _write_fma
    partial = path.with_name(f"{path.name}.partial")
    write(partial, rows)
    os.replace(partial, path)


def _write_parquet(path: Path, rows: Rows) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {
        "track": rows.track,
        "filename": rows.filename,
        "length": rows.length,
        **dict(zip(rows.columns, rows.values.T, strict=True)),
        "label": rows.label,
        **rows.known("artist", "split"),
    }
    pq.write_table(pa.table(columns), path)


def _write_kaggle(path: Path, rows: Rows) -> None:
    more = {"label": rows.label}
    if track_names(rows.filename) != rows.track:
        more["track"] = rows.track
    more |= rows.known("artist", "split")
    lines = zip(rows.filename, rows.length, rows.values, *more.values(), strict=True)
    _write_csv(
        path,
        [["filename", "length", *rows.columns, *more]],
        ([name, length, *values.tolist(), *texts] for name, length, values, *texts in lines),
    )


def _write_fma(path: Path, rows: Rows) -> None:
    more = rows.known("label", "artist", "split")
    levels = [[*column.split("."), "", ""][:3] for column in (*rows.columns, *more)]
    header = [
        [name, *(level[row] for level in levels)]
        for row, name in enumerate(("feature", "statistics", "number"))
    ]
    header.append(["track_id", *[""] * len(levels)])
    lines = zip(rows.track, rows.values, *more.values(), strict=True)
    _write_csv(
        path,
        header,
        ([track, *(f"{v:.10e}" for v in values), *texts] for track, values, *texts in lines),
    )


def _write_csv(path: Path, header: list[list[str]], lines: Iterable[list[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows(header)
        writer.writerows(lines)
