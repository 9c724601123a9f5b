"""Writes tables of features with the columns of the published tables."""

import csv
import functools
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from mgr_jax.errors import UserError
from mgr_jax.features.rows import Rows
from mgr_jax.files import require_writable, write_file


def check_path(path: Path) -> None:
    """Checks that a table can be written under this name.

    Raises:
      UserError: the suffix is not .csv or .parquet, or the file cannot be written.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise UserError(
            f"{path} is to hold a table; its name must end in .csv or .parquet",
            code="file.wrong_suffix",
        )
    require_writable(path)


def write_table(path: Path, rows: Rows, *, fma_header: bool, with_track: bool) -> None:
    """Writes a table, wholly or not at all.

    A .parquet file has the columns track, filename, length, the features, label, artist, split; a
    .csv file has those of Kaggle's GTZAN tables (filename, length, the features, label), or FMA's
    header of three rows and the tracks as index. A .csv file also has, after the published columns,
    the track if the file name does not contain it, the artist and the split if they are known, and
    the label if FMA's header has none.

    Args:
      path: of a .csv or .parquet file.
      rows: the rows.
      fma_header: whether a .csv file gets FMA's header, to which columns like mfcc.mean.01 belong.
      with_track: whether file names do not tell the tracks.
    """
    write: Callable[[Rows, IO[bytes]], None] = functools.partial(_write_kaggle, with_track)
    if path.suffix == ".parquet":
        write = _write_parquet
    elif fma_header:
        write = _write_fma
    write_file(path, functools.partial(write, rows))


def _write_parquet(rows: Rows, file: IO[bytes]) -> None:
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
    pq.write_table(pa.table(columns), file)


def _write_kaggle(with_track: bool, rows: Rows, file: IO[bytes]) -> None:
    more = {"label": rows.label}
    if with_track:
        more["track"] = rows.track
    more |= rows.known("artist", "split")
    lines = zip(rows.filename, rows.length, rows.values, *more.values(), strict=True)
    _write_csv(
        file,
        [["filename", "length", *rows.columns, *more]],
        ([name, length, *values.tolist(), *texts] for name, length, values, *texts in lines),
    )


def _write_fma(rows: Rows, file: IO[bytes]) -> None:
    more = rows.known("label", "artist", "split")
    levels = [[*column.split("."), "", ""][:3] for column in (*rows.columns, *more)]
    header = [
        [name, *(level[row] for level in levels)]
        for row, name in enumerate(("feature", "statistics", "number"))
    ]
    header.append(["track_id", *[""] * len(levels)])
    lines = zip(rows.track, rows.values, *more.values(), strict=True)
    _write_csv(
        file,
        header,
        ([track, *(f"{v:.10e}" for v in values), *texts] for track, values, *texts in lines),
    )


def _write_csv(file: IO[bytes], header: list[list[str]], lines: Iterable[list[Any]]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(header)
    writer.writerows(lines)
    text.detach()  # flushes, and leaves closing to whoever opened the file
