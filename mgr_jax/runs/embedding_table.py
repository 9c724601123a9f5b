"""Tables of embeddings in a Parquet or .npz file; see docs/embeddings_format.md."""

import json
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.files import require_writable, write_file

SCHEMA = 1  # to be raised when a column is added or changes its meaning
SUFFIXES = (".parquet", ".npz")
_KEY = "mgr_jax_embeddings"  # of the metadata
_BLOCK = 1 << 14  # rows read at a time: 8 MiB at 128 numbers per row
_DAMAGED = (ValueError, LookupError, TypeError, EOFError, OSError, zipfile.BadZipFile, struct.error)


@dataclass(frozen=True)
class Embeddings:
    """Rows of a table; every column has one value per row.

    Attributes:
      name: name of the file or track.
      split: split of the dataset; empty for files.
      start: start of the segment or track in seconds, float64.
      end: end, likewise.
      label: the predicted label, or "undecided".
      probability: of the label, or of the most probable class; calibrated, float32.
      genre: according to the dataset, an index.csv or the file's tags; empty if unknown.
      artist: likewise.
      title: likewise.
      embedding: [rows, dim] float32.
    """

    name: np.ndarray
    split: np.ndarray
    start: np.ndarray
    end: np.ndarray
    label: np.ndarray
    probability: np.ndarray
    genre: np.ndarray
    artist: np.ndarray
    title: np.ndarray
    embedding: np.ndarray

    def __len__(self) -> int:
        return len(self.name)

    def select(self, rows: Any) -> "Embeddings":
        """Some of the rows, given by a mask or by positions."""
        return Embeddings(**{name: column[rows] for name, column in vars(self).items()})


COLUMNS = {field.name: str for field in fields(Embeddings)} | {
    "start": np.float64,
    "end": np.float64,
    "probability": np.float32,
    "embedding": np.float32,
}


def as_text(name: str) -> str:
    r"""A file's name as tables hold it: bytes that are not UTF-8 become \udcxx."""
    return name.encode("utf-8", "backslashreplace").decode()


def join(parts: Sequence[Embeddings]) -> Embeddings:
    """Concatenates rows; `parts` has at least one element."""
    return Embeddings(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    )


def require_table_path(path: Path) -> None:
    """Checks that a table can be written under this name.

    Raises:
      UserError: the name has another suffix.
    """
    if path.suffix not in SUFFIXES:
        raise UserError(
            f"{path} is to hold embeddings; its name must end in {' or '.join(SUFFIXES)}",
            code="file.wrong_suffix",
        )
    if path.suffix == ".parquet":
        _pyarrow()
    require_writable(path)


def write_embeddings(
    path: Path, parts: Callable[[], Iterable[Embeddings]], metadata: Mapping[str, Any]
) -> int:
    """Writes a table part by part; the file appears only when it is complete.

    Args:
      path: path of a .parquet or .npz file.
      parts: a function that yields all rows; it is called twice.
      metadata: description of the rows, of JSON's types.

    Returns:
      The number of rows.
    """
    text = json.dumps({"schema": SCHEMA, **metadata})
    write = _write_parquet if path.suffix == ".parquet" else _write_npz
    rows = 0

    def count(file: IO[bytes]) -> None:
        nonlocal rows
        rows = write(file, parts, text)

    write_file(path, count)
    return rows


def _write_parquet(
    file: IO[bytes], parts: Callable[[], Iterable[Embeddings]], metadata: str
) -> int:
    pa, pq = _pyarrow()
    texts = [name for name, kind in COLUMNS.items() if kind is str]
    rows, writer = 0, None
    for part in parts():
        dim = part.embedding.shape[1]
        types = {"start": pa.float64(), "end": pa.float64(), "probability": pa.float32()}
        types |= dict.fromkeys(texts, pa.string()) | {"embedding": pa.list_(pa.float32(), dim)}
        schema = pa.schema([(name, types[name]) for name in COLUMNS], {_KEY: metadata})
        if writer is None:
            # Compression gains nothing on floats that look like noise.
            writer = pq.ParquetWriter(file, schema, use_dictionary=texts, compression="none")
        columns = [
            pa.FixedSizeListArray.from_arrays(pa.array(part.embedding.ravel()), dim)
            if name == "embedding"
            else pa.array(getattr(part, name).tolist(), types[name])
            for name in COLUMNS
        ]
        writer.write_table(pa.table(columns, schema=schema), row_group_size=_BLOCK)
        rows += len(part)
    assert writer is not None, "there is at least one row"
    writer.close()
    return rows


def _write_npz(file: IO[bytes], parts: Callable[[], Iterable[Embeddings]], metadata: str) -> int:
    kept: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS if name != "embedding"}
    dim = 0
    for part in parts():
        dim = part.embedding.shape[1]
        for name, some in kept.items():
            some.append(getattr(part, name))
    columns = {name: np.concatenate(some) for name, some in kept.items()}
    rows = len(columns["name"])
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as zipped:
        for name, column in {_KEY: np.array(metadata), **columns}.items():
            with zipped.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, column, allow_pickle=False)
        with zipped.open("embedding.npy", "w", force_zip64=True) as member:
            form = {"descr": "<f4", "fortran_order": False, "shape": (rows, dim)}
            np.lib.format.write_array_header_1_0(member, form)
            for part in parts():
                member.write(np.ascontiguousarray(part.embedding, "<f4").tobytes())
    return rows


class EmbeddingTable:
    """A table that is read block by block, so that its size does not matter for memory.

    Attributes:
      path: path of the file.
      metadata: description of its rows.
      dim: length of an embedding.
    """

    def __init__(self, path: Path) -> None:
        """Opens a table.

        Args:
          path: path of a file that `embed` wrote.

        Raises:
          UserError: the file does not exist, is damaged, is no table of embeddings, or was written
            by a newer version.
        """
        self.path = path
        if path.suffix not in SUFFIXES or not path.is_file():
            raise UserError(
                f"{path} is no table of embeddings ({' or '.join(SUFFIXES)}); give one that "
                "`mgr_jax.embed` wrote",
                code="embeddings.not_found",
            )
        try:
            self._source: Any = _Parquet(path) if path.suffix == ".parquet" else _Npz(path)
            self.metadata = json.loads(self._source.metadata)
            schema, self.dim = int(self.metadata["schema"]), int(self.metadata["dim"])
        except _DAMAGED as error:
            raise self._damaged() from error
        if schema > SCHEMA:
            raise UserError(
                f"{path} was written by a newer version of mgr_jax "
                f"({self.metadata.get('mgr_jax')}); install that",
                code="file.newer_version",
            )

    def blocks(self, *columns: str) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Reads some columns block by block.

        Args:
          *columns: names of columns.

        Yields:
          The number of the block's first row, and the columns by name.

        Raises:
          UserError: the file is damaged.
        """
        try:
            for block, first in enumerate(self._source.starts[:-1]):
                yield int(first), self._source.read(block, columns)
        except _DAMAGED as error:
            raise self._damaged() from error

    def rows(self, positions: Sequence[int]) -> Embeddings:
        """Reads the rows at some positions.

        Args:
          positions: row numbers, at least one.

        Returns:
          The rows, in the order of the positions.

        Raises:
          UserError: the file is damaged.
        """
        wanted = np.asarray(positions, np.int64)
        blocks = np.searchsorted(self._source.starts, wanted, side="right") - 1
        parts, order = [], []
        try:
            for block in np.unique(blocks):
                here = np.flatnonzero(blocks == block)
                rows = Embeddings(**self._source.read(int(block), tuple(COLUMNS)))
                parts.append(rows.select(wanted[here] - self._source.starts[block]))
                order.append(here)
        except _DAMAGED as error:
            raise self._damaged() from error
        return join(parts).select(np.argsort(np.concatenate(order)))

    def _damaged(self) -> UserError:
        return UserError(
            f"{self.path} is damaged, or holds no embeddings that `mgr_jax.embed` wrote; write it "
            "anew",
            code="embeddings.damaged",
        )


class _Parquet:
    """A Parquet file; its blocks are its row groups.

    Attributes:
      metadata: metadata of the table, as JSON.
      starts: first row of each block, and the number of rows.
    """

    def __init__(self, path: Path) -> None:
        self._file = _pyarrow()[1].ParquetFile(path)
        self.metadata = self._file.schema_arrow.metadata[_KEY.encode()]
        groups = self._file.metadata
        sizes = [groups.row_group(group).num_rows for group in range(groups.num_row_groups)]
        self.starts = np.cumsum([0, *sizes])

    def read(self, block: int, columns: Sequence[str]) -> dict[str, np.ndarray]:
        table = self._file.read_row_group(block, list(columns))
        return {name: self._values(table.column(name).combine_chunks()) for name in columns}

    @staticmethod
    def _values(column: Any) -> np.ndarray:
        if hasattr(column.type, "list_size"):
            return column.flatten().to_numpy().reshape(len(column), -1)
        values = column.to_numpy(zero_copy_only=False)
        return values.astype(str) if values.dtype == object else values


class _Npz:
    """Like `_Parquet`; arrays are memory-mapped, not read."""

    def __init__(self, path: Path) -> None:
        self._path, self._zipped = path, zipfile.ZipFile(path)
        self.metadata = str(self._member(_KEY)[()])
        self._arrays = {name: self._member(name) for name in COLUMNS}
        rows = len(self._arrays["name"])
        self.starts = np.array([*range(0, rows, _BLOCK), rows])

    def read(self, block: int, columns: Sequence[str]) -> dict[str, np.ndarray]:
        rows = slice(self.starts[block], self.starts[block + 1])
        # Copied, since mapped arrays need not be aligned.
        return {name: np.array(self._arrays[name][rows]) for name in columns}

    def _member(self, name: str) -> np.ndarray:
        """An array of the archive, mapped from the disk; a compressed one is read into memory."""
        info = self._zipped.getinfo(f"{name}.npy")
        if info.compress_type != zipfile.ZIP_STORED:
            with self._zipped.open(info) as member:
                return np.lib.format.read_array(member)
        with self._path.open("rb") as file:
            file.seek(info.header_offset + 26)  # the lengths of name and extra field
            file.seek(sum(struct.unpack("<HH", file.read(4))), 1)
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            offset = file.tell()
        if not shape or not all(shape):
            with self._zipped.open(info) as member:
                return np.lib.format.read_array(member)
        return np.memmap(self._path, dtype, "r", offset, shape)


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UserError(
            "Parquet files need pyarrow; install it (pip install 'mgr-jax[tables]'), or use .npz",
            code="package.missing",
        ) from error
    return pyarrow, pyarrow.parquet
