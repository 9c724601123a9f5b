"""Finds byte-identical files."""

import hashlib
import logging
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mgr_jax.data.archives import read_blocks
from mgr_jax.data.expansion import MAX_EXPANSION
from mgr_jax.errors import UserError, some_names

log = logging.getLogger(__name__)


def identical_files(
    source: Path, sizes: Mapping[str, int], *, max_expansion: float = MAX_EXPANSION
) -> dict[str, str]:
    """Gives byte-identical files a common name.

    Only files of equal size are read, and completely only if they begin alike. Empty files and
    unreadable files have no twin.

    Args:
      source: a folder or a zip archive.
      sizes: of files in it, by name: in bytes, or other numbers that equal files share.
      max_expansion: see `require_expansion`.

    Returns:
      For every file that has a twin, the first 16 digits of its SHA-256.
    """

    def digest(name: str, limit: int | None) -> str:
        total = hashlib.sha256()
        try:
            for block in read_blocks(source, name, limit, max_expansion=max_expansion):
                total.update(block)
        except UserError:  # the error is reported when the file is loaded
            return ""
        return total.hexdigest()[:16]

    found = {}
    for same_size in _alike((name for name in sizes if sizes[name] > 0), lambda name: sizes[name]):
        for same_start in _alike(same_size, lambda name: digest(name, 1 << 16)):
            digests = {name: digest(name, None) for name in same_start}
            for twins in _alike(same_start, digests.__getitem__):
                found.update({name: digests[name] for name in twins})
    return found


def tell_of_twins(where: Path, twins: Mapping[str, str], labels: Mapping[str, str]) -> None:
    """Logs which files are identical, and warns of those under two labels.

    Args:
      where: what holds them.
      twins: result of `identical_files`.
      labels: by file name; an empty one is unknown.
    """
    groups = defaultdict(list)
    for name, twin in sorted(twins.items()):
        groups[twin].append(name)
    if groups:
        first = " and ".join(next(iter(groups.values()))[:2])
        log.info("%s: %d files are copies of others, such as %s", where, len(twins), first)
    known = [[name for name in names if labels.get(name)] for names in groups.values()]
    doubtful = [names for names in known if len({labels[name] for name in names}) > 1]
    if doubtful:
        told = [
            some_names([f"{name} ({labels[name]})" for name in names], between=" and ")
            for names in doubtful
        ]
        count = "1 file stands" if len(doubtful) == 1 else f"{len(doubtful)} files stand"
        warnings.warn(
            f"{where}: {count} under two genres, byte for byte: "
            f"{some_names(told, between='; ')}; keep the copy whose genre is right",
            stacklevel=2,
        )


def _alike(names: Iterable[str], key: Callable[[str], object]) -> list[list[str]]:
    """Groups of two and more names whose keys are equal and not empty."""
    groups = defaultdict(list)
    for name in names:
        groups[key(name)].append(name)
    return [group for value, group in groups.items() if value and len(group) > 1]
