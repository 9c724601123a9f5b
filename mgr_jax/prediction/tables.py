"""Results as tables of flat rows: CSV, which grows file by file, and Parquet."""

import csv
import io
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from mgr_jax.errors import UserError
from mgr_jax.files import append, write_file
from mgr_jax.prediction.entries import entry_of
from mgr_jax.prediction.origin import Origin
from mgr_jax.prediction.places import require_ours
from mgr_jax.prediction.record import Record, Writer, line_of
from mgr_jax.prediction.rows import COLUMNS, ResultRow, columns, rows_of, values_of
from mgr_jax.prediction.stream import FilePrediction

_BATCH = 10_000  # rows of Parquet held in memory


class Csv(Writer):
    """A table that gets the rows of each file as soon as it is finished."""

    def __init__(self, path: Path, origin: Origin, record: Record) -> None:
        """Writes nothing yet.

        Args:
          path: path of the table.
          origin: origin of the results.
          record: the record that the table is made from.
        """
        self._path, self._origin, self._record = path, origin, record
        self._is_stale = False
        require_ours(path, b"schema,file,unit,")

    def begin(self, record: Record) -> None:
        """Writes the rows of all that the record holds."""

        def write(file: IO[bytes]) -> None:
            file.write(csv_header(self._origin).encode())
            for entry in record.entries():
                file.write(csv_rows(entry, self._origin).encode())

        write_file(self._path, write)

    def add(self, file: FilePrediction) -> None:
        """Adds the rows of a file, all at once."""
        append(self._path, csv_rows(entry_of(file, self._origin), self._origin).encode())

    def replace(self, old: FilePrediction, new: FilePrediction) -> None:
        """Postpones the change to the end: rows in the middle cannot be changed."""
        self._is_stale = True

    def close(self) -> None:
        """Writes the table again if rows were replaced."""
        if self._is_stale:
            self.begin(self._record)


def csv_header(origin: Origin) -> str:
    """The line with the names of the columns."""
    return _csv([[name for name, _ in columns(origin.classes)]])


def csv_rows(entry: dict[str, Any], origin: Origin) -> str:
    """The rows of an entry."""
    return _csv(values_of(row, origin.classes) for row in rows_of(entry))


def _csv(rows: Iterable[list[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


class Parquet(Writer):
    """A table that is written at the end, one group of rows after the other."""

    def __init__(self, path: Path, origin: Origin, record: Record) -> None:
        """Writes nothing yet.

        Args:
          path: path of the table.
          origin: origin of the results.
          record: the record that the table is made from.
        """
        require_ours(path, b"PAR1")
        self._path, self._origin, self._record = path, origin, record

    def begin(self, record: Record) -> None:
        """Does nothing: the table is written at the end."""

    def close(self) -> None:
        """Writes the table."""
        rows = (row for entry in self._record.entries() for row in rows_of(entry))
        write_file(self._path, lambda file: write_parquet(file, rows, self._origin))


def import_pyarrow() -> Any:
    """The modules pyarrow and pyarrow.parquet.

    Raises:
      UserError: pyarrow is missing.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UserError(
            "Parquet needs pyarrow; install the extra (pip install 'mgr-jax[tables]')",
            code="package.missing",
        ) from error
    return pyarrow, pyarrow.parquet


def write_parquet(file: IO[bytes], rows: Iterable[ResultRow], origin: Origin) -> None:
    """Writes rows as a table.

    Args:
      file: a binary file.
      rows: the rows.
      origin: origin of the results, with the classes.
    """
    pa, pq = import_pyarrow()
    types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    fields = [
        pa.field(name, types[kind] if name in COLUMNS else pa.float32())
        for name, kind in columns(origin.classes)
    ]
    schema = pa.schema(fields, metadata={"mgr_jax": origin.mgr_jax})
    rows = iter(rows)
    with pq.ParquetWriter(file, schema) as writer:
        while batch := list(itertools.islice(rows, _BATCH)):
            held = zip(*(values_of(row, origin.classes) for row in batch), strict=True)
            arrays = [pa.array(v, f.type) for v, f in zip(held, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def lines_of(name: str, files: Iterable[FilePrediction], origin: Origin) -> Iterator[str]:
    """The lines of a table or a record, for a pipe.

    Args:
      name: "csv" or "jsonl".
      files: outcomes of files.
      origin: origin of the results.
    """
    if name == "csv":
        yield csv_header(origin)
    for file in files:
        yield csv_rows(entry_of(file, origin), origin) if name == "csv" else line_of(file, origin)
