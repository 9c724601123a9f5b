"""Reads .csv and .parquet tables with one header row."""

import csv
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.data.feature_files.tracks import (
    TEXTS,
    FeatureTracks,
    feature_columns,
    group_rows,
    name_column,
)
from mgr_jax.errors import UserError

_LARGEST = float(np.finfo(np.float32).max)


def read_csv(path: Path) -> FeatureTracks:
    """Reads a comma-separated table; see `read_features`."""
    names: list[str] = []
    lines: list[int] = []
    values: list[np.ndarray] = []
    texts: dict[str, list[str]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            columns = feature_columns(path, header)
            name = name_column(header)
            texts = {field: [] for field in TEXTS if field in header}
            for cells in _rows(path, reader, header):
                where = f"{path}, line {reader.line_num}"
                lines.append(reader.line_num)
                names.append(cells[name])
                values.append(np.array([_number(cells[c], where, c) for c in columns], np.float32))
                for field, told in texts.items():
                    told.append(cells[field])
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path} is not a UTF-8 CSV file ({error}); save it as one", code="table.not_csv"
        ) from error
    matrix = np.stack(values) if values else np.empty((0, len(columns)), np.float32)
    return group_rows(path, names, texts, matrix, columns, lambda row: f"{path}, line {lines[row]}")


def _rows(path: Path, reader: Any, header: list[str]) -> Iterator[dict[str, str]]:
    for row in reader:
        if len(row) == len(header):
            yield dict(zip(header, row, strict=True))
        elif row:  # else an empty line
            raise UserError(
                f"{path}, line {reader.line_num} has {len(row)} cells, but the header has "
                f"{len(header)}; correct the line",
                code="table.ragged_row",
            )


def _number(text: str, where: str, column: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not abs(value) <= _LARGEST:
        raise UserError(
            f"{where}, column '{column}' holds {text!r}, which is not a finite number; correct it",
            code="table.not_finite",
        )
    return value


def read_parquet(path: Path) -> FeatureTracks:
    """Reads a Parquet table; see `read_features`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
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
                f"{path}: column '{column}' is of type {kind}, not numbers; convert or remove it",
                code="table.wrong_type",
            )
        with np.errstate(over="ignore"):  # what is too large for a float32 is found later
            values[:, position] = table.column(column).to_numpy()  # nulls become NaN
    texts = {
        field: ["" if text is None else str(text) for text in table.column(field).to_pylist()]
        for field in (name, *TEXTS)
        if field in table.column_names
    }
    return group_rows(
        path, texts.pop(name), texts, values, columns, lambda row: f"{path}, row {row + 1}"
    )
