"""Decides which folders are genres, from the names of folders."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mgr_jax.data.splits import split_name
from mgr_jax.errors import UserError, some_names

# Names of parts of any collection: fold1, train_set, CD 2.
_PART = re.compile(
    r"(fold|split|part|cv|subset|batch|chunk|disc|disk|cd|group)[\W_]*\d+"
    r"|(train|training|val|valid|validation|dev|test|testing|eval|evaluation|holdout)"
    r"[\W_]*(set|data|split|audio|songs|clips|files|wavs?|\d+)"
    r"|eval|evaluation|holdout",
    re.IGNORECASE,
)
_INDEX = "say the genre of each file in an index.csv there (path, genre, split)"


class Place(NamedTuple):
    """Genre and split from the folders of a file; empty if they give none."""

    genre: str
    split: str


def place_files(paths: Sequence[str]) -> list[Place]:
    """Reads genres and splits from paths below a folder, with forward slashes.

    The first folder is the genre. If all first folders are named after splits, such as train, val
    and test, and hold folders, the second folder is the genre.
    """
    all_parts = [path.split("/") for path in paths]
    tops = {parts[0]: False for parts in all_parts if len(parts) > 1}
    tops |= {parts[0]: True for parts in all_parts if len(parts) > 2}  # it holds folders
    if tops and all(split_name(top) and holds for top, holds in tops.items()):
        return [
            Place(parts[1] if len(parts) > 2 else "", split_name(parts[0])) for parts in all_parts
        ]
    return [Place(parts[0] if len(parts) > 1 else "", "") for parts in all_parts]


def find_doubt(folder: Path, paths: Iterable[str]) -> UserError | None:
    """Why the first folders are clearly not genres, and what is meant; None if they may be.

    Args:
      folder: the folder with the files.
      paths: paths of the files below it, with forward slashes.
    """
    tree: dict = {}
    for path in paths:
        *folders, _ = path.split("/")
        branch = tree
        for name in folders:
            branch = branch.setdefault(name, {})
        branch.setdefault("", {})  # it holds a file; no folder has this name
    tree.pop("", None)  # files outside all folders are reported elsewhere
    inner, branch = folder, tree
    while len(branch) == 1 and "" not in (below := next(iter(branch.values()))):
        inner, branch = inner / next(iter(branch)), below
    tops = [name for name in branch if name]
    subsets = [name for below in branch.values() for name in below]  # fma_small, fma_medium
    if numbered := next(filter(_are_numbered, (tops, subsets)), None):
        return UserError(
            f"{inner} holds numbered folders ({some_names(numbered)}) as FMA does, which are no "
            "genres; prepare FMA by its own name (`dataset` fma/small, …, fma/full), which finds "
            f"the genres in fma_metadata, or {_INDEX}",
            code="folder.no_genres",
        )
    if inner != folder and len(tops) > 1:
        return UserError(
            f"all audio of {folder} lies in one folder, {inner}, which holds {some_names(tops)}; "
            f"if these are the genres or splits, give that folder, {inner}",
            code="data.one_genre",
        )
    splits = {name: split_name(name) for name in tree if split_name(name)}
    return _doubt_splits(folder, tree, splits) if splits else _doubt_parts(folder, tree)


def _are_numbered(names: Sequence[str]) -> bool:
    return bool(names) and all(re.fullmatch(r"\d{3}", name) for name in names)


def _doubt_splits(
    folder: Path, tree: Mapping[str, dict], splits: Mapping[str, str]
) -> UserError | None:
    if others := [name for name in tree if name not in splits]:
        return UserError(
            f"{folder} holds folders called after splits ({some_names(splits)}) beside others "
            f"({some_names(others)}); take these or those out, put all files into "
            f"{folder}/<split>/<genre>/, or {_INDEX}",
            code="folder.splits",
        )
    for name in splits:
        if not set(tree[name]) - {""}:
            return UserError(
                f"{folder / name} is called after a split, but holds no genre folders; expected "
                f"{folder / name}/<genre>/<file>, or {_INDEX}",
                code="folder.splits",
            )
    for split in ("train", "validation"):
        if split not in splits.values():
            return UserError(
                f"{folder} holds the splits {some_names(splits)}, but none for {split}; move some "
                f"files of each genre to {folder / split}/<genre>, or give one folder that holds "
                "the genres, so that splits are made of it",
                code="split.empty",
            )
    return None


def _doubt_parts(folder: Path, tree: Mapping[str, dict]) -> UserError | None:
    if len(tree) > 1 and all(map(_PART.fullmatch, tree)):
        return UserError(
            f"{folder} holds {some_names(tree)}, which are called after parts of a collection, not "
            "after genres; call splits train, validation and test, give a folder that holds "
            f"<genre>/<file>, or {_INDEX}",
            code="folder.no_genres",
        )
    return None


def find_hint(folder: Path, paths: Iterable[str]) -> str:
    """A sentence on why the first folders are probably not genres; empty if there is no reason.

    Args:
      folder: the folder with the files.
      paths: paths of the files below it, with forward slashes.
    """
    below: dict[str, set[str]] = defaultdict(set)  # "" for files
    for path in paths:
        top, *others = path.split("/")
        if others:
            below[top].add(others[0] if len(others) > 1 else "")
    if len(below) < 2 or all(map(split_name, below)):
        return ""
    if all(re.fullmatch(r"\d+", name) for name in below):
        return (
            f"the genre folders of {folder} are called {some_names(sorted(below))}; if these "
            f"numbers are no genres, {_INDEX}"
        )
    if all(map(split_name, set().union(*below.values()))):
        return (
            f"the splits within the genre folders of {folder} ({some_names(sorted(below))}) are "
            f"not read; move the files to <split>/<genre>/<file>, or {_INDEX}"
        )
    first = next(iter(below.values()))
    if len(first) > 1 and "" not in first and all(names == first for names in below.values()):
        return (
            f"each genre folder of {folder} ({some_names(sorted(below))}) holds the same folders "
            f"({some_names(sorted(first))}); if those are the genres, {_INDEX}"
        )
    return ""
