"""The rows of an index.csv."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mgr_jax.data.csv_text import FILE_NAMES, GENRE_NAMES, open_csv
from mgr_jax.data.genres import same_key, tidy_name
from mgr_jax.errors import UserError

_NAMES = {"path": FILE_NAMES, "genre": GENRE_NAMES}
NO_COLUMNS: Mapping[str, str] = {}


class IndexRow(NamedTuple):
    """A row: its line in the file, and the stripped values by column."""

    line: int
    values: dict[str, str]


def read_index_table(index: Path, columns: Mapping[str, str] = NO_COLUMNS) -> list[IndexRow]:
    """Reads the rows of a CSV file that names files, see `open_csv`.

    Names of columns are in lower case; synonyms of path and genre become `path` and `genre`.
    Columns without a name and empty rows are left out.

    Args:
      index: the file.
      columns: the file's names of columns, by the names here, such as {"genre": "style"}; they take
        precedence over synonyms.

    Returns:
      The rows.

    Raises:
      UserError: it cannot be read, has another form, has no column of paths or lacks one that
        `columns` names, or a row does not fit the header.
    """
    key = columns.get("path", "path")
    with open_csv(index, _NAMES, ["path", key]) as table:
        header = [tidy_name(name).lower() for name in table.header]
        header = _rename(index, header, columns)
        named = [name for name in header if name]
        if "path" not in named or len(set(named)) < len(named):
            raise UserError(
                f"{index} needs a column 'path' and no column twice; its columns are "
                f"{', '.join(named) or 'none'}; correct its first line",
                code="table.wrong_columns",
            )
        return [
            IndexRow(row.line, {n: v for n, v in zip(header, row.values, strict=True) if n})
            for row in table.rows
        ]


def _rename(index: Path, header: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """The header with the user's columns renamed."""
    places = {}
    for name, theirs in columns.items():
        called = {"path": [*FILE_NAMES], "genre": [*GENRE_NAMES]}.get(name, [])
        wanted = same_key(tidy_name(theirs))
        # A column that was renamed already is found by its new name.
        there = [i for i, text in enumerate(header) if same_key(text) == wanted]
        there += [i for i, text in enumerate(header) if text == name and wanted in called]
        if not there:
            raise UserError(
                f"{index} has no column '{theirs}' to be its {name}; its columns are "
                f"{', '.join(filter(None, header)) or 'none'}; correct `columns`",
                code="table.missing_column",
            )
        places[name] = there[0]
    renamed = ["" if text in columns else text for text in header]
    for name, place in places.items():
        renamed[place] = name
    return renamed
