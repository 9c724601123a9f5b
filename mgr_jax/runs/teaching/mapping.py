"""Maps an encoder's own classes to a user's genres."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mgr_jax.data.csv_text import open_csv
from mgr_jax.data.genres import alike_key, same_key, tidy_name
from mgr_jax.decisions import OTHER
from mgr_jax.errors import UserError, unknown_name
from mgr_jax.files import expand

_COLUMNS = ("genre", "class")
# Different names of one genre, by `alike_key`.
_OTHER_NAMES = {
    "metal": "heavymetal",
    "rnb": "rhythmnblues",
    "electronica": "electronic",
    "dnb": "drumnbass",
    "hiphop": "rap",
}


def find_mapping(
    genres: Sequence[str],
    classes: Sequence[str],
    given: Mapping[str, Sequence[str]] | str | Path | None = None,
) -> dict[str, tuple[str, ...]]:
    """The encoder's classes that mean each genre; only genres that have some.

    Args:
      genres: names of the user's genres.
      classes: names of the encoder's classes.
      given: classes by genre, or a CSV file with the columns genre and class; None: classes of the
        same name, apart from case, spaces, punctuation and the word "music".

    Returns:
      Classes by genre.

    Raises:
      UserError: the file cannot be read, has an empty field, or names an unknown genre or class.
    """
    if given is None:
        return _by_name([genre for genre in genres if genre != OTHER], classes)
    pairs = _read(given) if isinstance(given, str | Path) else _pairs(given)
    mapped: dict[str, list[str]] = {}
    for genre, name in pairs:
        mapped.setdefault(_find("genre", genre, genres), []).append(
            _find("class of the encoder", name, classes)
        )
    return {genre: tuple(dict.fromkeys(names)) for genre, names in mapped.items()}


def mapping_matrix(
    mapping: Mapping[str, Sequence[str]], genres: Sequence[str], classes: Sequence[str]
) -> np.ndarray:
    """1 where a class means a genre, [classes, genres] float32.

    Args:
      mapping: classes by genre.
      genres: names of the user's genres.
      classes: names of the encoder's classes.
    """
    matrix = np.zeros((len(classes), len(genres)), np.float32)
    for genre, names in mapping.items():
        for name in names:
            matrix[list(classes).index(name), list(genres).index(genre)] = 1
    return matrix


def untrained_outputs(outputs: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """For each genre, the probability of its most probable class, [rows, genres].

    Args:
      outputs: the encoder's own probabilities, [rows, classes].
      matrix: see `mapping_matrix`.
    """
    found = np.zeros((len(outputs), matrix.shape[1]), np.float32)
    for genre in range(matrix.shape[1]):
        if (mine := matrix[:, genre] > 0).any():
            found[:, genre] = outputs[:, mine].max(axis=1)
    return found


def _by_name(genres: Sequence[str], classes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    mapped: dict[str, tuple[str, ...]] = {}
    keys = [_plain(name) for name in classes]
    for genre in genres:
        key = _plain(genre)
        for wanted in (key, _OTHER_NAMES.get(key)):
            if wanted and wanted in keys:
                mapped[genre] = (classes[keys.index(wanted)],)
                break
    return mapped


def _plain(name: str) -> str:
    key = alike_key(name)
    return key.removesuffix("music") or key


def _pairs(given: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    return [
        (genre, name)
        for genre, names in given.items()
        for name in ([names] if isinstance(names, str) else names)
    ]


def _read(path: str | Path) -> list[tuple[str, str]]:
    path = expand(path)
    with open_csv(path, {name: (name,) for name in _COLUMNS}, _COLUMNS) as table:
        if missing := [name for name in _COLUMNS if name not in table.header]:
            raise UserError(
                f"{path} has no column '{missing[0]}'; a mapping has the columns genre and class",
                code="table.missing_column",
            )
        genre, name = map(table.header.index, _COLUMNS)
        pairs = []
        for row in table.rows:
            if not (row.values[genre] and row.values[name]):
                raise UserError(
                    f"{path}, line {row.line}: fill in both genre and class, or remove the line",
                    code="table.missing_value",
                )
            pairs.append((row.values[genre], row.values[name]))
        return pairs


def _find(what: str, name: str, known: Sequence[str]) -> str:
    keys = {same_key(tidy_name(one)): one for one in known}
    if (key := same_key(tidy_name(name))) not in keys:
        raise unknown_name(what, name, known)
    return keys[key]
