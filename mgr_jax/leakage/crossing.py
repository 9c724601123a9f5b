"""Finds what is on both sides of a split: names, artists, recordings, rows of a table."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple, Protocol

import numpy as np


class Pair(Protocol):
    """Two equal tracks, by position."""

    @property
    def first(self) -> int:
        """Position of the first track."""

    @property
    def second(self) -> int:
        """Position of the second track."""


class IdenticalRows(NamedTuple):
    """Two tracks with an identical row, by position."""

    first: int
    second: int
    row_first: int
    row_second: int


def audit_splits(
    names: Sequence[str],
    splits: Sequence[str],
    artists: Sequence[str],
    groups: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Finds tracks, artists and values of other columns that are in several splits.

    Args:
      names: names of the tracks; the same name twice is the same track.
      splits: split of each track; empty: it is in none.
      artists: artist of each track; empty: unknown.
      groups: further columns by name; empty values are unknown.

    Returns:
      `tracks`: number of tracks by split. `columns`: for "track", "artist" and every group, the
      number of tracks with a value (`known`), the number of `values`, the `crossing` values with
      their splits, and for every split the number of its tracks with a crossing value (`affected`).
    """
    columns = {"track": names, "artist": artists, **groups}
    return {
        "tracks": dict(Counter(splits)),
        "columns": {name: _audit_column(values, splits) for name, values in columns.items()},
    }


def _audit_column(values: Sequence[str], splits: Sequence[str]) -> dict[str, Any]:
    found: dict[str, set[str]] = defaultdict(set)
    for value, split in zip(values, splits, strict=True):
        if value:
            found[value] |= {split} - {""}
    crossing = {value: sorted(found[value]) for value in sorted(found) if len(found[value]) > 1}
    pairs = zip(values, splits, strict=True)
    affected = Counter(split for value, split in pairs if split and value in crossing)
    return {
        "known": sum(map(bool, values)),
        "values": len(found),
        "crossing": crossing,
        "affected": dict(affected),
    }


def audit_pairs(matches: Sequence[Pair], splits: Sequence[str]) -> dict[str, Any]:
    """Divides pairs of equal tracks into those across splits and others.

    Args:
      matches: pairs of equal tracks.
      splits: split of each track; empty: it is in none.

    Returns:
      `across` and `others`: positions in `matches`. `between`: the number of the former by the
      names of the splits ("test, train"). `affected`: for every split the number of its tracks
      that equal a track of another split.
    """
    sides = [(splits[match.first], splits[match.second]) for match in matches]
    across = [row for row, (one, other) in enumerate(sides) if one and other and one != other]
    tracks = {track for row in across for track in (matches[row].first, matches[row].second)}
    return {
        "across": across,
        "others": sorted(set(range(len(sides))) - set(across)),
        "between": dict(Counter(", ".join(sorted(sides[row])) for row in across)),
        "affected": dict(Counter(splits[track] for track in sorted(tracks))),
    }


def identical_rows(features: Sequence[np.ndarray]) -> list[IdenticalRows]:
    """Finds pairs of tracks with a row in common, bit for bit; of each pair the first such row.

    Args:
      features: features of each track, [rows, ...].

    Returns:
      The pairs.
    """
    places = defaultdict(list)
    for track, rows in enumerate(features):
        for number, row in enumerate(rows):
            content = np.ascontiguousarray(row).tobytes()
            places[hashlib.blake2b(content, digest_size=16).digest()].append((track, number))
    found: dict[tuple[int, int], IdenticalRows] = {}
    for group in places.values():
        for (first, row_first), (second, row_second) in combinations(group, 2):
            if first != second:
                pair = IdenticalRows(first, second, row_first, row_second)
                found.setdefault((first, second), pair)
    return sorted(found.values())
