"""Reads .csv and .parquet tables with one header row."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mgr_jax.data.csv_text import name_columns, open_csv
from mgr_jax.data.expansion import MAX_EXPANSION, require_expansion
from mgr_jax.data.feature_files.header import (
    COLUMNS,
    NAMES,
    ORDER,
    TEXTS,
    feature_columns,
    name_column,
    text_advice,
)
from mgr_jax.data.feature_files.tracks import FeatureTracks, group_rows
from mgr_jax.errors import UserError

_LARGEST = float(np.finfo(np.float32).max)


def read_csv(path: Path) -> FeatureTracks:
    """Reads a table of text; see `read_features`."""
    names: list[str] = []
    lines: list[int] = []
    values: list[np.ndarray] = []
    with open_csv(path, COLUMNS, NAMES) as table:
        columns = feature_columns(path, table.header)
        name, advice = name_column(table.header), text_advice(table.header)
        texts: dict[str, list[str]] = {field: [] for field in _texts(table.header, name)}
        marks: set[str] = set()
        for line, fields in table.rows:
            cells = dict(zip(table.header, fields, strict=True))
            where = f"{path}, line {line}"
            lines.append(line)
            names.append(cells[name])
            numbers = [cells[column] for column in columns]
            if table.delimiter != ",":
                numbers = _with_points(numbers, marks, where)
            row = [_number(n, where, c, advice) for n, c in zip(numbers, columns, strict=True)]
            values.append(np.array(row, np.float32))
            for field, told in texts.items():
                told.append(cells[field])
    matrix = np.stack(values) if values else np.empty((0, len(columns)), np.float32)
    return group_rows(path, names, texts, matrix, columns, lambda row: f"{path}, line {lines[row]}")


def _with_points(numbers: list[str], marks: set[str], where: str) -> list[str]:
    """Numbers with decimal points instead of commas; `marks` are the kinds found so far."""
    marks.update({".", ","} & set("".join(numbers)))
    if len(marks) == 2:
        raise UserError(
            f"{where} is where numbers with a point and with a comma meet; write all with a point "
            "for decimals, and thousands without a mark",
            code="table.not_finite",
        )
    return [number.replace(",", ".") for number in numbers]


def _texts(header: Sequence[str], name: str) -> list[str]:
    """The columns to keep beside features; `filename` numbers segments if tracks have names."""
    return [field for field in (*TEXTS, *ORDER, "filename") if field in header and field != name]


def _number(text: str, where: str, column: str, advice: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not abs(value) <= _LARGEST:
        raise UserError(
            f"{where}, column '{column}' holds {text!r}, which is not a finite number; correct it, "
            f"or {advice}",
            code="table.not_finite",
        )
    return value


def read_parquet(path: Path, *, max_expansion: float = MAX_EXPANSION) -> FeatureTracks:
    """Reads a Parquet table; see `read_features` and `require_expansion`.

    Args:
      path: path of the table.
      max_expansion: see `require_expansion`.

    Returns:
      The tracks.

    Raises:
      UserError: it cannot be read, or a column has another type.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = pq.read_metadata(path)
        size = about.num_rows * about.num_columns * np.dtype(np.float32).itemsize
        way_out = "write it again as a .csv file"
        require_expansion(path, path.stat().st_size, size, max_expansion, way_out)
        table = pq.read_table(path)
        table = table.rename_columns(name_columns(table.column_names, COLUMNS))
    except (pa.ArrowException, OSError) as error:
        why = textwrap.shorten(str(error), 120, placeholder=" …")
        raise UserError(
            f"{path} cannot be read as a Parquet file ({why}); write it again", code="table.damaged"
        ) from error
    columns = feature_columns(path, table.column_names)
    name = name_column(table.column_names)
    values = np.empty((table.num_rows, len(columns)), np.float32)
    for position, column in enumerate(columns):
        kind = table.schema.field(column).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise UserError(
                f"{path}: column '{column}' is of type {kind}, not numbers; convert it, or "
                f"{text_advice(table.column_names)}",
                code="table.wrong_type",
            )
        with np.errstate(over="ignore"):  # values too large for float32 are found later
            values[:, position] = table.column(column).to_numpy()  # nulls become NaN
    texts = {
        field: ["" if text is None else str(text) for text in table.column(field).to_pylist()]
        for field in (name, *_texts(table.column_names, name))
    }
    return group_rows(
        path, texts.pop(name), texts, values, columns, lambda row: f"{path}, row {row + 1}"
    )
