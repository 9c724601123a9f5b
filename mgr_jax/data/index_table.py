"""The rows of an index.csv."""

from pathlib import Path
from typing import NamedTuple

from mgr_jax.data.csv_text import FILE_NAMES, GENRE_NAMES, open_csv
from mgr_jax.data.genres import tidy_name
from mgr_jax.errors import UserError

_NAMES = {"path": FILE_NAMES, "genre": GENRE_NAMES}


class IndexRow(NamedTuple):
    """A row: its line in the file, and the values by column, without spaces around."""

    line: int
    values: dict[str, str]


def read_index_table(index: Path) -> list[IndexRow]:
    """Reads the rows of a CSV file that names files, see `open_csv`.

    Columns are called in lower case; those that name files and genres by other words are called
    `path` and `genre`. Columns without a name and empty rows are left out.

    Raises:
      UserError: it cannot be read, is of another kind, has no column of paths, or a row does not
        fit the header.
    """
    with open_csv(index, _NAMES, ["path"]) as table:
        header = [tidy_name(name).lower() for name in table.header]
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
