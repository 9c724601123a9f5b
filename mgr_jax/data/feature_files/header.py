"""What the header of a table says: which column names tracks, which tell of them, which measure."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mgr_jax.errors import UserError

TEXTS = ("label", "artist", "split")
NAMES = ("track", "track_id", "filename")  # of the column that names tracks; the first one counts
ORDER = ("segment", "frame")  # of columns that say in which order the rows of a track stand
_FOR_LABEL = ("genre", "class")  # what else a column of labels is called
# Kaggle's GTZAN tables also hold the number of samples, which says nothing of the music.
_NO_FEATURES = {*NAMES, "length", *TEXTS, *ORDER}


def plain_header(header: Sequence[str]) -> list[str]:
    """The names of the columns; those that mean something here by their own name.

    Case and spaces around them do not count, and where no column is called `label`, one that is
    called `genre` (or else `class`) is it.
    """
    plain = [name.strip().lower() for name in header]
    own = {*NAMES, *TEXTS, *ORDER}
    names = [short if short in own else name for short, name in zip(plain, header, strict=True)]
    for other in _FOR_LABEL:
        if "label" not in names and other in plain:
            names[plain.index(other)] = "label"
    return names


def feature_columns(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table that are features.

    Args:
      path: of the table.
      header: of `plain_header`.

    Raises:
      UserError: a name is missing or there twice, or no column names tracks or holds features.
    """
    for column, count in Counter(header).items():
        if count > 1:
            raise UserError(
                f"{path} has {count} columns called '{column}'; keep one of them",
                code="table.duplicate_column",
            )
        # pandas writes the index like this: it would tell the genre where a table is sorted.
        if not column.strip() or column.startswith(("Unnamed:", "__index_level_")):
            raise UserError(
                f"{path} has a column without a name, which looks like an index; remove it",
                code="table.unnamed_column",
            )
    columns = tuple(column for column in header if column not in _NO_FEATURES)
    if not columns or not set(NAMES) & set(header):
        raise UserError(
            f"{path} must have a column 'track' or 'filename' and numeric columns, but has "
            f"{', '.join(header[:3]) or 'none'}{', …' if len(header) > 3 else ''}; name them so in "
            "its first line, with commas between",
            code="table.missing_column",
        )
    return columns


def name_column(header: Sequence[str]) -> str:
    """The column of a table that names its tracks."""
    return next(name for name in NAMES if name in header)


def text_advice(header: Sequence[str]) -> str:
    """What to do about a column of text that is none of those that mean something here."""
    label = "" if "label" in header else ", or rename it to 'label' if it tells the genre"
    return f"remove the column if it holds text{label}"
