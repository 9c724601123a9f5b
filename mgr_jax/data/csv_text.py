"""Rows of a user's CSV file, in any form that spreadsheets write."""

import codecs
import contextlib
import csv
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from mgr_jax.data.genres import tidy_name
from mgr_jax.errors import UserError
from mgr_jax.files import require_regular

# Names of the columns for files and for genres; if there are several, the first one counts.
FILE_NAMES = ("path", "file_path", "filepath", "filename", "file_name", "file")
GENRE_NAMES = ("genre", "label", "class")

_DELIMITERS: tuple[str, ...] = (",", ";", "\t")
_EMPTY = ' \t\r\n,;"'  # characters of a line without values


class Row(NamedTuple):
    """A row: its last line in the file, and a stripped value for each column."""

    line: int
    values: list[str]


@dataclass(frozen=True)
class CsvTable:
    """A table that is being read.

    Attributes:
      header: names of the columns, see `name_columns`.
      delimiter: the delimiter of fields.
      rows: the rows below the header, without empty ones.
    """

    header: list[str]
    delimiter: str
    rows: Iterator[Row]


@contextlib.contextmanager
def open_csv(
    path: Path, names: Mapping[str, Sequence[str]], key: Sequence[str]
) -> Iterator[CsvTable]:
    """Opens a CSV file with a header; its rows are read when they are asked for.

    The text is UTF-8, or UTF-16 with a byte order mark. The delimiter is a comma, a semicolon or a
    tab, whichever fits the header, or the one that Excel's first line gives, such as `sep=|`.

    Args:
      path: path of the file.
      names: see `name_columns`.
      key: the header is split by the delimiter that yields one of these columns.

    Yields:
      The table.

    Raises:
      UserError: it cannot be read or has another form; also while reading, if a row does not fit
        the header.
    """
    require_regular(path)
    skipped, reader = 0, None
    try:
        with path.open(newline="", encoding=_encoding(path)) as file:
            lines, skipped, delimiter = _start(file, names, key)
            reader = csv.reader(lines, strict=True, delimiter=delimiter)
            header = name_columns(next(reader, []), names)
            yield CsvTable(header, delimiter, _rows(path, reader, skipped, len(header)))
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); check it and its permissions",
            code="file.unreadable",
        ) from error
    except UnicodeError as error:
        raise UserError(
            f"{path} is not UTF-8 text{_bad_line(path)}; save it as 'CSV UTF-8'",
            code="table.not_csv",
        ) from error
    except csv.Error as error:
        line = skipped + (reader.line_num if reader else 0)
        raise UserError(
            f"{path}, line {line}, is no row of a CSV file ({error}); quote fields that hold "
            "quotes or line ends, or save it as 'CSV UTF-8'",
            code="table.not_csv",
        ) from error


def name_columns(header: Sequence[str], names: Mapping[str, Sequence[str]]) -> list[str]:
    """The names of columns, with synonyms replaced.

    Case, surrounding spaces and invisible characters do not count; "-" and " " become "_".

    Args:
      header: names in the file.
      names: by the name of a column, its synonyms: its own name counts first, then these in order.
        Other columns keep their names.
    """
    plain = [re.sub(r"[\s-]", "_", tidy_name(name).lower()) for name in header]
    called = [short if short in names else name for short, name in zip(plain, header, strict=True)]
    for name, aliases in names.items():
        there = [alias for alias in aliases if alias in plain]
        if name not in called and there:
            called[plain.index(there[0])] = name
    return called


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(2)
    return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _start(
    file: IO[str], names: Mapping[str, Sequence[str]], key: Sequence[str]
) -> tuple[Iterator[str], int, str]:
    """The lines from the header on, the number of lines above it, and the delimiter."""
    lines, above, delimiters = iter(file), 0, _DELIMITERS
    line = next(lines, "")
    if line[:4].lower() == "sep=":  # Excel's own line, which it hides
        if mark := re.match(r"[^\w\s\"]|\t", line[4:]):
            delimiters = (mark[0], *_DELIMITERS)
        line, above = next(lines, ""), 1
    while line and not line.strip(_EMPTY):
        line, above = next(lines, ""), above + 1
    for delimiter in delimiters:
        parted = [name.strip(' "\r\n') for name in line.split(delimiter)]
        if len(parted) > 1 and set(key) & set(name_columns(parted, names)):
            break
    else:
        delimiter = max(delimiters, key=line.count)  # the first if several are equal
    return itertools.chain([line], lines), above, delimiter


def _rows(path: Path, reader: Any, above: int, columns: int) -> Iterator[Row]:
    for fields in reader:
        values = [field.strip() for field in fields]
        if not any(values):
            continue
        while len(values) > columns and not values[-1]:  # spreadsheets pad short rows
            values.pop()
        line = above + reader.line_num
        if len(values) != columns:
            raise UserError(
                f"{path}, line {line}, has {len(values)} fields, but the header {columns}; quote "
                "fields that hold the delimiter, and give each column a field, which may be empty "
                "where a text is unknown",
                code="table.ragged_row",
            )
        yield Row(line, values)


def _bad_line(path: Path) -> str:
    """The line that is not UTF-8, in words; empty if the text is marked as UTF-16."""
    if _encoding(path) == "utf-16":
        return ""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return f" (line {number})"
    return ""
