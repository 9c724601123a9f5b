"""Finds the folders in a folder or zip archive that may hold GTZAN's tracks."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mgr_jax.audio import listing
from mgr_jax.audio.listing import Files
from mgr_jax.data.archives import find_files
from mgr_jax.data.gtzan.names import genre_of, track_of

_OWN = ("genres/", "genres_original/", "Data/genres_original/")
_ROOTS = (*_OWN, "")


@dataclass(frozen=True)
class Tree:
    """A folder that holds folders or files named after genres.

    Attributes:
      root: its name, empty or with a slash at its end.
      files: files in it and, unless it is flat, below it.
      flat: whether the files lie in it, not in folders of their genres.
    """

    root: str
    files: Files
    flat: bool

    @property
    def own(self) -> bool:
        """Whether its name is GTZAN's own, so that nothing else should be there."""
        return self.root.endswith(_OWN)


def find_trees(source: Path) -> Iterator[Tree]:
    """Yields those with folders named after genres, then the flat ones; up to two folders deep."""
    members = None if source.is_dir() else find_files(source)
    held = _held(members) if members else {}

    def names_in(root: str) -> Sequence[str]:
        return list(held.get(root, ())) if members else _names_in(source / root)

    def files_in(root: str) -> Files:
        return _below(members, root) if members else listing.list_files(source / root)

    roots = [*_ROOTS, *(outer + inner for outer in _wrapping(names_in) for inner in _ROOTS)]
    for root in roots:
        denied = not members and (source / root).is_dir() and not os.access(source / root, os.R_OK)
        if denied or any(map(genre_of, names_in(root))):
            yield Tree(root, files_in(root), flat=False)
    for root in roots:
        if any(map(track_of, names_in(root))):
            files = files_in(root)
            sizes = {name: size for name, size in files.sizes.items() if "/" not in name}
            yield Tree(root, Files(files.folder, sizes, files.left_out), flat=True)


def _wrapping(names_in: Callable[[str], Sequence[str]]) -> list[str]:
    """The one or two folders that may surround the tree."""

    def within(outer: str) -> list[str]:
        folders = [f"{outer}{name}/" for name in sorted(names_in(outer)) if not genre_of(name)]
        return [folder for folder in folders if names_in(folder)]

    outer = within("")
    return [*outer, *(inner for folder in outer for inner in within(folder))]


def _names_in(folder: Path) -> list[str]:
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
        return []
    return [name for name in os.listdir(folder) if not name.startswith(".")]


def _held(members: Files) -> dict[str, dict[str, None]]:
    """The contents of each folder in an archive; folders are "" or end with a slash."""
    held: dict[str, dict[str, None]] = {}
    for name in members.sizes:
        parts = name.split("/")
        for depth, part in enumerate(parts):
            held.setdefault("".join(f"{above}/" for above in parts[:depth]), {})[part] = None
    return held


def _below(members: Files, root: str) -> Files:
    """The members of an archive below a folder, with the left-out members there."""
    sizes = {n.removeprefix(root): size for n, size in members.sizes.items() if n.startswith(root)}
    left_out = {
        why: [n.removeprefix(root) for n in names if why != listing.HIDDEN or n.startswith(root)]
        for why, names in members.left_out.items()
    }
    return Files(members.folder / root, sizes, left_out)
