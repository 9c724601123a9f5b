"""Genres and their parents. A genre implies its ancestors, whose probability is at least as high.

A tree maps each child to its parent, by name. The computations need only NumPy.
"""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.files import expand

_ROOT = "0"  # the parent of FMA's root genres


def read_genre_tree(path: str | os.PathLike[str]) -> dict[str, str]:
    """Reads the parents of genres from a table, for `Rules(genre_tree=…)`.

    Args:
      path: a CSV file with the columns `child` and `parent`, or FMA's genres.csv, of which
        `genre_id`, `parent` and `title` are used. Other columns are ignored. A row without a parent
        is a root.

    Returns:
      The parent of each genre that has one.

    Raises:
      UserError: the file cannot be read or has other columns, a genre has two parents, a parent's
        number is unknown, or genres are their own ancestors.
    """
    path = expand(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            columns = [name.strip() for name in rows.fieldnames or ()]
            rows.fieldnames = columns
            cells = [{k: (v or "").strip() for k, v in row.items() if k} for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(
            f"the genre tree {path} cannot be read ({reason}); give a CSV file with the columns "
            "child and parent",
            code="genre_tree.unreadable",
        ) from error
    if {"child", "parent"} <= set(columns):
        pairs = [(row["child"], row["parent"]) for row in cells]
    elif {"genre_id", "parent", "title"} <= set(columns):
        titles = {row["genre_id"]: row["title"] for row in cells} | {_ROOT: ""}
        for row in cells:
            if row["parent"] not in titles:
                raise _wrong(
                    f"the genre {row['title']!r} has the parent {row['parent']!r}, which is no "
                    "genre_id there; add it",
                    path,
                )
        pairs = [(row["title"], titles[row["parent"]]) for row in cells]
    else:
        raise _wrong(
            f"it has the columns {', '.join(columns) or 'of an empty file'}; expected child and "
            "parent, or FMA's genre_id, parent and title",
            path,
        )
    parents: dict[str, str] = {}
    for child, parent in pairs:
        if parent and not child:
            raise _wrong(f"a row with the parent {parent!r} names no child; fill it in", path)
        if parent and parents.setdefault(child, parent) != parent:
            raise _wrong(
                f"{child!r} has two parents, {parents[child]!r} and {parent!r}; keep one", path
            )
    require_tree(parents, path)
    return parents


def require_tree(parents: Mapping[str, str], source: object = "") -> None:
    """Checks that no genre is its own ancestor.

    Args:
      parents: the parent of each genre that has one.
      source: the file, for the message.

    Raises:
      UserError: a genre is its own ancestor.
    """
    sound: set[str] = set()
    for genre in parents:
        path = [genre]
        while (above := parents.get(path[-1])) is not None and above not in sound:
            if above in path:
                around = " < ".join([*path[path.index(above) :], above])
                raise _wrong(f"a genre cannot be its own ancestor ({around}); cut it", source)
            path.append(above)
        sound.update(path)


def spelt_alike(name: str, known: Sequence[str]) -> str | None:
    """The known name that a name means. Case, spaces, hyphens and underscores do not matter.

    Args:
      name: as a user writes it.
      known: the known names.

    Returns:
      The known name; None if no name matches, or more than one.
    """
    if name in known:
        return name
    alike = [other for other in known if _plain(other) == _plain(name)]
    return alike[0] if len(alike) == 1 else None


def fit_tree(parents: Mapping[str, str], classes: Sequence[str]) -> dict[str, str]:
    """The tree with the spelling that a model uses for its classes.

    Genres that the model does not know stay as they are: they may be between or above its classes.

    Args:
      parents: the parent of each genre that has one.
      classes: of the model.

    Raises:
      UserError: the tree contains none of the classes, or one of them twice.
    """
    genres = dict.fromkeys([*parents, *parents.values()])
    named = {genre: spelt_alike(genre, classes) or genre for genre in genres}
    if not set(classes) & set(named.values()):
        raise _wrong(
            f"it names none of the model's classes ({', '.join(classes)}); give a tree of them", ""
        )
    fitted: dict[str, str] = {}
    for child, parent in parents.items():
        if fitted.setdefault(named[child], named[parent]) != named[parent]:
            raise _wrong(f"the class {named[child]!r} stands in it twice; keep one", "")
    require_tree(fitted)
    return fitted


def ancestors(genre: str, parents: Mapping[str, str]) -> Iterator[str]:
    """The parent of a genre and its parents, the nearest first."""
    while (above := parents.get(genre)) is not None:
        yield above
        genre = above


def make_consistent(
    probabilities: np.ndarray, classes: Sequence[str], parents: Mapping[str, str], task: str
) -> np.ndarray:
    """Probabilities in which no class is more probable than its ancestors.

    Args:
      probabilities: [..., classes].
      classes: their names.
      parents: of genres, see `fit_tree`.
      task: "single_label": classes exclude each other, so a class becomes the sum of itself and all
        classes below it. "multi_label": it becomes the maximum of itself and all classes below it.

    Returns:
      Probabilities [..., classes]; in a single_label model a row may sum to more than 1.
    """
    at = {name: i for i, name in enumerate(classes)}
    below = np.eye(len(classes), dtype=bool)  # [class, those that are it or below it]
    for name, i in at.items():
        for above in ancestors(name, parents):
            if above in at:
                below[at[above], i] = True
    if task == "single_label":
        return np.minimum(probabilities @ below.T.astype(probabilities.dtype), 1)
    return np.where(below, probabilities[..., None, :], 0).max(axis=-1)


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c not in " -_")


def _wrong(problem: str, source: object) -> UserError:
    return UserError(f"the genre tree {source}: {problem}".replace(" :", ":"), "genre_tree.wrong")
