"""Maps labels of other people's files to the classes of a model."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from mgr_jax.data.csv_text import open_csv
from mgr_jax.data.genres import alike_key, same_key, tidy_name
from mgr_jax.errors import UserError, some_names, unknown_name
from mgr_jax.files import expand

_COLUMNS = ("label", "class")


def read_pairs(given: Mapping[str, str] | str | None, what: str) -> dict[str, str]:
    """Reads `one=other` pairs separated by commas, as in "hip hop=hiphop,speech=".

    Args:
      given: such a text, or a dict; None: no pairs.
      what: name of the argument, for messages.

    Returns:
      The pairs.

    Raises:
      UserError: a part of it is not a pair.
    """
    if isinstance(given, Mapping):
        return {str(one): str(other) for one, other in given.items()}
    pairs = {}
    for part in filter(str.strip, (given or "").split(",")):
        one, equals, other = part.partition("=")
        if not equals or not one.strip():
            raise UserError(
                f"`{what}` holds {part.strip()!r}, which is no pair; write them with = and commas "
                "between, as in one=other,third=fourth",
                code="argument.wrong_type",
            )
        pairs[one.strip()] = other.strip()
    return pairs


def read_class_names(given: Mapping[str, str] | str | Path | None) -> dict[str, str]:
    """Reads which label is which class; a label with an empty class is left out.

    Args:
      given: pairs, see `read_pairs`; or a CSV file with the columns label and class.

    Returns:
      The class by label.

    Raises:
      UserError: it is neither.
    """
    path = expand(given) if isinstance(given, str | Path) and str(given) else None
    if path is None or (path.suffix.lower() != ".csv" and not path.is_file()):
        return read_pairs(given if isinstance(given, Mapping) else str(given or ""), "class_names")
    with open_csv(path, {name: (name,) for name in _COLUMNS}, _COLUMNS) as table:
        if missing := [name for name in _COLUMNS if name not in table.header]:
            raise UserError(
                f"{path} has no column '{missing[0]}'; a file of class names has the columns label "
                "and class",
                code="table.missing_column",
            )
        label, name = map(table.header.index, _COLUMNS)
        return {row.values[label]: row.values[name] for row in table.rows}


def map_labels(
    labels: Sequence[str],
    classes: Sequence[str],
    names: Mapping[str, str],
    *,
    where: str,
    leave_out_unknown: bool = False,
) -> list[int | None]:
    """Finds the class of each label.

    A label that differs from a class only in case, spaces or Unicode form is that class.

    Args:
      labels: labels of files; none is empty.
      classes: classes of a model.
      names: class by label, see `read_class_names`.
      where: what holds the labels, for messages.
      leave_out_unknown: leave out labels that the model does not know, instead of raising an error.

    Returns:
      The number of each label's class; None if it is left out.

    Raises:
      UserError: a label is not a class, or `names` names a class that the model does not have.
    """
    number = {_key(name): i for i, name in enumerate(classes)}
    mapped: dict[str, int | None] = {}
    for label, name in names.items():
        if name and _key(name) not in number:
            raise unknown_name("class of this model", name, classes)
        mapped[_key(label)] = number[_key(name)] if name else None
    there = {_key(label) for label in labels}
    if unused := [label for label in names if _key(label) not in there]:
        warnings.warn(
            f"`class_names` names {some_names(map(repr, unused))}, which is no label of {where}; "
            "check how it is written there",
            stacklevel=2,
        )
    meant = number | mapped
    unknown = {label: None for label in labels if _key(label) not in meant}
    if unknown and not leave_out_unknown:
        alike = {alike_key(name): name for name in classes}
        first = next(iter(unknown))
        pair = f"{first}={alike.get(alike_key(first), classes[0])}"
        count = sum(label in unknown for label in labels)
        raise UserError(
            f"{where}: {count} files have labels that the model does not know "
            f"({some_names(map(repr, unknown), 10)}); it knows {', '.join(classes)}: say which "
            f"class they are (`class_names`, such as {pair}; nothing behind = leaves them out), or "
            "leave out all of them (`leave_out_unknown`)",
            code="table.unknown_genre",
        )
    return [meant.get(_key(label)) for label in labels]


def _key(name: str) -> str:
    return same_key(tidy_name(name))
