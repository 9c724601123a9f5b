"""Matches the rows of a table with tracks."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from mgr_jax.data.feature_files import FeatureTracks, full_names, read_features
from mgr_jax.data.fma_names import fma_number
from mgr_jax.errors import UserError
from mgr_jax.files import expand


def read_table(file: str | Path) -> FeatureTracks:
    """Reads a table with a row per track, named with its folders; see `read_features`.

    Args:
      file: path of the table.

    Returns:
      The rows.

    Raises:
      UserError: it is not a table.
    """
    table = read_features(expand(file))
    if not table.columns:
        raise UserError(
            f"{file} holds arrays; give a table with a column of track names",
            code="table.holds_arrays",
        )
    names = [table.full_name.get(track, track) for track in table.track_id]
    return dataclasses.replace(table, track_id=names)


def match_rows(names: Iterable[str], tracks: Iterable[str]) -> dict[str, str]:
    """Finds for each track the row of a table that belongs to it and to no other track.

    Folders may be missing on either side, as in "00" or "rock/00" for "fma/rock/00.mp3", if only
    one track and only one row end so. Different folders are different tracks. FMA's files are named
    by six digits, its rows without the leading zeros.

    Args:
      names: names of the rows.
      tracks: all tracks that a row could mean, not only those asked for; otherwise "00" would be
        the row of any track of that name.

    Returns:
      The name of its row for every track that has one.
    """
    rows_by_ending, tracks_by_ending = _by_ending(names), _by_ending(tracks)
    found = {}
    for ending, those in tracks_by_ending.items():
        rows = rows_by_ending.get(ending, {})
        whole = [[name for name, is_whole in some.items() if is_whole] for some in (those, rows)]
        if all(len(some) == 1 for some in whole):  # equal names
            found[whole[0][0]] = whole[1][0]
        elif len(those) == len(rows) == 1 and any(whole):
            (track,), (row,) = those, rows
            found[track] = row
    return found


def rows_of(table: FeatureTracks, matched: Mapping[str, str]) -> dict[str, np.ndarray]:
    """The row of each track that a table has, [columns]; the mean if there are several.

    Args:
      table: result of `read_table`.
      matched: result of `match_rows`; tracks whose row the table lacks are left out.
    """
    number = {name: row for row, name in enumerate(table.track_id)}
    return {
        track: table.features[number[name]].mean(axis=0, dtype=np.float64)
        for track, name in matched.items()
        if name in number
    }


def _by_ending(names: Iterable[str]) -> dict[str, dict[str, bool]]:
    """The names by common last folders and file, and whether that is the whole name."""
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for name in names:
        *folders, file = full_names([name])[0].split("/")
        parts = [*folders, fma_number(file)]
        for first in range(len(parts)):
            found["/".join(parts[first:])][name] = first == 0
    return found
