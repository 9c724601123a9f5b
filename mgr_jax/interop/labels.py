"""Names of the outputs of published networks: label sets in `third_party/labels`, or a file."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from mgr_jax.errors import UserError
from mgr_jax.files import expand
from mgr_jax.third_party import third_party_path

_COLUMNS = ("class", "display_name")  # the second in AudioSet's own table


def list_label_sets() -> list[str]:
    """Names of the label sets."""
    return sorted(path.stem for path in third_party_path("labels").glob("*.csv"))


def read_labels(given: str | os.PathLike[str] | Sequence[str], count: int) -> tuple[str, ...]:
    """The names of the outputs of a network, in order.

    Args:
      given: the name of a label set, a CSV file with a column `class`, a text file with one name
        per line, or the names themselves.
      count: number of outputs.

    Raises:
      UserError: there is no such file, or it holds another number of names, a name twice, or one
        that cannot be printed.
    """
    if isinstance(given, str | os.PathLike):
        known = str(given) in list_label_sets()
        path = third_party_path(f"labels/{given}.csv") if known else expand(given)
        names, told = _read(path), str(given)
    else:
        names, told = tuple(given), "labels"
    if len(names) != count:
        raise UserError(
            f"{told} names {len(names)} classes, but the network has {count} outputs; give "
            f"a file with one name per line, or one of {', '.join(list_label_sets())}",
            code="labels.other_count",
        )
    unnamed = [number for number, name in enumerate(names) if not _is_name(name)]
    if unnamed:
        raise UserError(
            f"{told} names output {unnamed[0]} {names[unnamed[0]]!r}, which cannot be printed; "
            "give every output a name",
            code="labels.not_named",
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(
            f"{told} names {', '.join(twice)} more than once; every output needs its own name",
            code="labels.repeated",
        )
    return names


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name.isprintable() and bool(name.strip())


def _read(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is no text in UTF-8; save it as such", code="labels.not_text"
        ) from error
    except OSError as error:
        raise UserError(
            f"{path} is not a label set and cannot be read as a file of names; give a text file, "
            f"or one of {', '.join(list_label_sets())}",
            code="labels.not_found",
        ) from error
    lines = [line.strip() for line in lines if line.strip()]
    try:
        header = [cell.strip().casefold() for cell in next(csv.reader(lines[:1]), [])]
        if column := next((name for name in _COLUMNS if name in header), ""):
            at = header.index(column)
            return tuple("".join(row[at : at + 1]).strip() for row in csv.reader(lines[1:]))
    except csv.Error as error:
        raise UserError(f"{path} is no table as CSV ({error})", code="labels.not_read") from error
    return tuple(lines)
