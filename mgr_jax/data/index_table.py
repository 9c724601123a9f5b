"""The rows of an index.csv, however a spreadsheet has written it."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mgr_jax.data.genres import tidy_name
from mgr_jax.errors import UserError
from mgr_jax.files import require_regular

_ALIASES = {
    "path": ("path", "file_path", "filepath", "filename", "file_name", "file"),
    "genre": ("genre", "label", "class"),
}
_DELIMITERS = ",;\t"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class IndexRow(NamedTuple):
    """A row: its line in the file, and the values by column, without spaces around."""

    line: int
    values: dict[str, str]


def read_index_table(index: Path) -> list[IndexRow]:
    """Reads the rows of a CSV file that names files.

    Commas, semicolons or tabs stand between the fields, as the header shows; the text is UTF-8, or
    UTF-16 with its mark. Columns are called in lower case; those that name files and genres by
    other words are called `path` and `genre`. Columns without a name and empty rows are left out.

    Raises:
      UserError: it cannot be read, is of another kind, has no column of paths, or a row does not
        fit the header.
    """
    text = _read_text(index)
    if text[:4].lower() == "sep=":  # Excel's own line, which says what the header shows
        text = "\n" + text.partition("\n")[2]
    delimiter = _find_delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        lines = [(reader.line_num, row) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise UserError(
            f"{index}, line {reader.line_num}, is no row of a CSV file ({error}); quote fields "
            "that hold quotes or line ends",
            code="table.not_csv",
        ) from error
    header = _name_columns(lines[0][1] if lines else [])
    named = [name for name in header if name]
    if "path" not in named or len(set(named)) < len(named):
        raise UserError(
            f"{index} needs a column 'path' and no column twice; its columns are "
            f"{', '.join(named) or 'none'}; correct its first line",
            code="table.wrong_columns",
        )
    return list(_rows(index, header, lines[1:]))


def _read_text(index: Path) -> str:
    require_regular(index)
    try:
        data = index.read_bytes()
        return data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
    except OSError as error:
        raise UserError(
            f"{index} cannot be read ({error.strerror}); check it and its permissions",
            code="file.unreadable",
        ) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{index} is not UTF-8 text (line {line}); save it as 'CSV UTF-8'",
            code="table.not_csv",
        ) from error


def _find_delimiter(text: str) -> str:
    """The one that parts the header into known columns."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    for delimiter in _DELIMITERS:
        names = [name.strip(' "') for name in first.split(delimiter)]
        if len(names) > 1 and "path" in _name_columns(names):
            return delimiter
    return _DELIMITERS[0]


def _name_columns(fields: list[str]) -> list[str]:
    """The names of the columns, where one that goes by an alias is called `path` or `genre`."""
    header = [tidy_name(field).lower() for field in fields]
    plain = [re.sub(r"[\s-]", "_", name) for name in header]
    for name, aliases in _ALIASES.items():
        if alias := next((alias for alias in aliases if alias in plain), ""):
            header[plain.index(alias)] = name
    return header


def _rows(index: Path, header: list[str], lines: list[tuple[int, list[str]]]) -> Iterator[IndexRow]:
    for line, fields in lines:
        values = [field.strip() for field in fields]
        while len(values) > len(header) and not values[-1]:  # spreadsheets fill up short rows
            values.pop()
        if len(values) != len(header):
            raise UserError(
                f"{index}, line {line}, has {len(values)} fields, but the header {len(header)}; "
                "quote fields that hold the delimiter, and give each column a field, empty where "
                "nothing is known",
                code="table.ragged_row",
            )
        yield IndexRow(line, {n: value for n, value in zip(header, values, strict=True) if n})
