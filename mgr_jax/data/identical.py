"""Finds files that are byte for byte the same."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from mgr_jax.errors import UserError


def identical_files(
    sizes: Mapping[str, int], read: Callable[[str, int | None], bytes]
) -> dict[str, str]:
    """Gives byte-identical files a common name; files without a twin get none.

    Only files of equal size are looked into, and whole only those that begin alike. Empty files
    and files that cannot be read have no twin.

    Args:
      sizes: in bytes, by file name.
      read: reads at most so many bytes from the beginning of a file, all of them for None.

    Returns:
      For every file that has a twin, the first 16 digits of its SHA-256.
    """

    def digest(name: str, limit: int | None) -> str:
        try:
            return hashlib.sha256(read(name, limit)).hexdigest()[:16]
        except (OSError, UserError):  # whoever loads the file says why
            return ""

    found = {}
    for same_size in _alike((name for name in sizes if sizes[name] > 0), lambda name: sizes[name]):
        for same_start in _alike(same_size, lambda name: digest(name, 1 << 16)):
            digests = {name: digest(name, None) for name in same_start}
            for twins in _alike(same_start, digests.__getitem__):
                found.update({name: digests[name] for name in twins})
    return found


def describe_two_labels(twins: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """Which identical files have different labels, in a sentence; empty if none.

    Args:
      twins: of `identical_files`.
      labels: by file name; an empty one is unknown.
    """
    groups = defaultdict(list)
    for name, twin in twins.items():
        if labels.get(name):
            groups[twin].append(name)
    doubtful = [names for names in groups.values() if len({labels[name] for name in names}) > 1]
    if not doubtful:
        return ""
    told = [
        " and ".join(f"{name} ({labels[name]})" for name in sorted(names)[:3])
        for names in doubtful[:3]
    ]
    count = "1 recording stands" if len(doubtful) == 1 else f"{len(doubtful)} recordings stand"
    return (
        f"{count} under two genres: {'; '.join(told)}{'; …' if len(doubtful) > 3 else ''}; keep "
        "the file whose genre is right"
    )


def _alike(names: Iterable[str], key: Callable[[str], object]) -> list[list[str]]:
    """Groups of two and more names whose keys are equal and not empty."""
    groups = defaultdict(list)
    for name in names:
        groups[key(name)].append(name)
    return [group for value, group in groups.items() if value and len(group) > 1]
