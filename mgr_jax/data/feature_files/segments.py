"""Orders the rows of a track, which are its segments or frames."""

import itertools
import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mgr_jax.data.feature_files.names import segment_number
from mgr_jax.errors import UserError


def in_order(
    track: str,
    rows: list[int],
    columns: Mapping[str, Sequence[str]],
    files: Sequence[str],
    where: Callable[[int], str],
) -> tuple[list[int], list[float]]:
    """The rows of a track in the order of their numbers, if they have numbers.

    Args:
      track: its name.
      rows: its rows in the table.
      columns: [rows of the table] numbers of segments, of frames, or of frames in segments. If
        there are none, the names of the files may have numbers, see `segment_number`.
      files: [rows of the table] names of the files.
      where: a function that describes a row's place in the file.

    Returns:
      The rows, and their numbers: empty if they have none, or two columns.

    Raises:
      UserError: only some rows have a number, or two rows have the same.
    """
    if columns:
        keys = {
            row: tuple(_number(texts[row], where(row), name) for name, texts in columns.items())
            for row in rows
        }
    else:
        found = {row: segment_number(files[row], track) for row in rows}
        numbered = [row for row in rows if found[row] is not None]
        if len(rows) == 1 or not numbered:
            return rows, []
        if len(numbered) < len(rows):
            bare = next(row for row in rows if found[row] is None)
            raise UserError(
                f"{where(bare)} is of track '{track}' and has no number, but others of it have, "
                f"such as '{files[numbered[0]]}'; keep the whole track or its segments",
                code="table.contradiction",
            )
        keys = {row: (number,) for row, number in found.items() if number is not None}
    key, count = Counter(keys.values()).most_common(1)[0]
    if count > 1:
        twice = [row for row in rows if keys[row] == key][1]
        what = ", ".join(f"{part:g}" for part in key)
        raise UserError(
            f"{where(twice)} is {' and '.join(columns) or 'segment'} {what} of track '{track}', "
            f"which is there {count} times; keep one of them",
            code="table.duplicate_track",
        )
    ordered = sorted(rows, key=keys.__getitem__)
    return ordered, [keys[row][0] for row in ordered] if len(key) == 1 else []


def tell_of_gaps(path: Path, numbers: Mapping[str, Sequence[float]]) -> None:
    """Warns of gaps between numbers, compared with the smallest distance.

    Args:
      path: path of the table.
      numbers: numbers of the rows of each track, ascending.
    """
    apart = {
        track: [after - before for before, after in itertools.pairwise(of)]
        for track, of in numbers.items()
    }
    step = min((least for steps in apart.values() if steps for least in [min(steps)]), default=0)
    gaps = {track: sum(d > 1.5 * step for d in steps) for track, steps in apart.items()}
    if sum(gaps.values()):
        track = next(track for track, count in gaps.items() if count)
        place = next(i for i, d in enumerate(apart[track]) if d > 1.5 * step)
        before, after = numbers[track][place : place + 2]
        warnings.warn(
            f"{path}: the numbers of segments have {sum(gaps.values())} gaps in "
            f"{sum(map(bool, gaps.values()))} of {len(gaps)} tracks (in '{track}' {after:g} "
            f"follows {before:g}); segments before and after are taken for neighbours",
            stacklevel=5,
        )


def _number(text: str, where: str, column: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(
            f"{where}, column '{column}' holds {text!r}, but tells the order of the rows of a "
            "track; number them, or rename or remove the column",
            code="table.not_finite",
        )
    return value
