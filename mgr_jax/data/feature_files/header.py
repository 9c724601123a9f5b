"""Interprets the header of a table: columns that name tracks, describe them, or are features."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mgr_jax.data.csv_text import FILE_NAMES, GENRE_NAMES
from mgr_jax.errors import UserError, some_names

TEXTS = ("label", "artist", "split")
NAMES = ("track", "track_id", "filename")  # columns that name tracks; the first counts
ORDER = ("segment", "frame")  # columns that order a track's rows
# Synonyms of columns; see `name_columns`.
COLUMNS: dict[str, Sequence[str]] = {
    **dict.fromkeys((*NAMES, *TEXTS, *ORDER), ()),
    "filename": FILE_NAMES,
    "label": GENRE_NAMES,
}
# Kaggle's GTZAN tables also hold the number of samples, which does not describe the music.
_NO_FEATURES = {*NAMES, "length", *TEXTS, *ORDER}


def feature_columns(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table that are features.

    Args:
      path: path of the table.
      header: names from `name_columns`.

    Raises:
      UserError: a name is missing or occurs twice, or no column names tracks or holds features.
    """
    for column, count in Counter(header).items():
        if count > 1:
            raise UserError(
                f"{path} has {count} columns called '{column}'; keep one of them",
                code="table.duplicate_column",
            )
        # pandas writes its index like this: in a sorted table it would reveal the genre.
        if not column.strip() or column.startswith(("Unnamed:", "__index_level_")):
            raise UserError(
                f"{path} has a column without a name, which looks like an index; remove it",
                code="table.unnamed_column",
            )
    columns = tuple(column for column in header if column not in _NO_FEATURES)
    if not columns or not set(NAMES) & set(header):
        raise UserError(
            f"{path} must have a column 'track' or 'filename' and numeric columns, but has "
            f"{some_names(header) or 'none'}; name them so in its first line",
            code="table.missing_column",
        )
    return columns


def name_column(header: Sequence[str]) -> str:
    """The column of a table that names its tracks."""
    return next(name for name in NAMES if name in header)


def text_advice(header: Sequence[str]) -> str:
    """Advice on a column of text that has no meaning here."""
    label = "" if "label" in header else ", or rename it to 'label' if it tells the genre"
    return f"remove the column if it holds text{label}"
