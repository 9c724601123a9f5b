"""Tracks of features in memory, made from the rows of a table."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.data.feature_files.header import NAMES, ORDER, TEXTS
from mgr_jax.data.feature_files.names import (
    full_names,
    genre_of,
    natural_key,
    track_names,
)
from mgr_jax.data.feature_files.segments import in_order, tell_of_gaps
from mgr_jax.data.genres import join_alike
from mgr_jax.data.splits import SPLITS
from mgr_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class FeatureTracks:
    """The tracks of a file.

    Attributes:
      path: path of the file.
      track_id: names, each once.
      features: for each track, [frames, bins] or [frames, bins, channels]; uint8, float16 or
        float32. All have the same dtype and, except for the frames, the same shape.
      label: genre of each track; empty if the file has none.
      artist: artist of each track, likewise.
      split: split of each track, likewise.
      columns: names of the bins of a table; empty for arrays.
      groups: further columns by name, a text per track, empty if unknown.
      published: whether labels and splits come from a dataset's table of tracks; some labels may
        be empty.
      full_name: names of a table's tracks with their folders, by shortened name.
    """

    path: Path
    track_id: Sequence[str]
    features: Sequence[np.ndarray]
    label: Sequence[str]
    artist: Sequence[str]
    split: Sequence[str]
    columns: tuple[str, ...] = ()
    groups: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    published: bool = False
    full_name: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def select(self, rows: Iterable[int]) -> "FeatureTracks":
        """Some of the tracks, by position."""
        rows = list(rows)
        chosen: dict[str, Any] = {
            field: [getattr(self, field)[row] for row in rows]
            for field in ("track_id", "features", *TEXTS)
        }
        groups = {name: [values[row] for row in rows] for name, values in self.groups.items()}
        return dataclasses.replace(self, **chosen, groups=groups)

    def in_order(self) -> "FeatureTracks":
        """The tracks sorted by name, with numbers in numeric order, whatever the file's order."""
        return self.select(
            sorted(range(len(self.track_id)), key=lambda row: natural_key(self.track_id[row]))
        )

    def with_columns(self, names: Sequence[str]) -> "FeatureTracks":
        """The same tracks with these columns only, in this order.

        Raises:
          UserError: the table lacks one of them.
        """
        if missing := [name for name in names if name not in self.columns]:
            raise UserError(
                f"{self.path} lacks the column '{missing[0]}' ({len(missing)} of {len(names)} are "
                "missing); give a table with the columns that the model was trained on",
                code="table.missing_column",
            )
        order = [self.columns.index(name) for name in names]
        features = [frames[:, order] for frames in self.features]
        return dataclasses.replace(self, features=features, columns=tuple(names))

    def with_artists(self, artists: Sequence[str] | None) -> "FeatureTracks":
        """The same tracks with these artists [tracks]; where one is empty, with their own."""
        if not artists:
            return self
        merged = [new or own for new, own in zip(artists, self.artist, strict=True)]
        return dataclasses.replace(self, artist=merged)

    def require_splits(self, *, of_all: bool) -> None:
        """Checks that splits are some of SPLITS.

        Args:
          of_all: an empty split is an error too.

        Raises:
          UserError: a split is not.
        """
        for track, split in zip(self.track_id, self.split, strict=True):
            if split not in SPLITS and (split or of_all):
                raise UserError(
                    f"{self.path} gives track '{track}' the split '{split}', but 'split' is one of "
                    f"{', '.join(SPLITS)}; correct it",
                    code="table.unknown_split",
                )

    def require_labels(self) -> None:
        """Checks that the genre of every track is known.

        Raises:
          UserError: one is not.
        """
        for track, label in zip(self.track_id, self.label, strict=True):
            if not label:
                raise UserError(
                    f"{self.path} does not say the genre of track '{track}'; add 'label', name "
                    "tracks like blues.00000, or give the dataset's table of tracks too (`tracks`; "
                    "fma_metadata.zip holds FMA's features and tracks)",
                    code="table.missing_genre",
                )


def group_rows(
    path: Path,
    names: Sequence[str],
    texts: Mapping[str, Sequence[str]],
    values: np.ndarray,
    columns: tuple[str, ...],
    where: Callable[[int], str],
) -> FeatureTracks:
    """Makes tracks from the rows of a table; the rows of one track are its frames.

    Rows are ordered by their columns `segment` and `frame`, or by the numbers in the names of their
    files, see `in_order`; else as in the file. Genres that look alike are joined.

    Args:
      path: path of the table.
      names: [rows] tracks or files.
      texts: [rows] of those of `TEXTS` and `ORDER` that the table has, and `filename`, if names are
        tracks.
      values: [rows, columns] float32.
      columns: names of the values.
      where: a function that describes a row's place in the file.

    Returns:
      The tracks.

    Raises:
      UserError: there are no rows; a row has no name or a value that is not finite; rows of one
        track disagree; or one of them occurs twice.
    """
    if not len(values):
        raise UserError(f"{path} holds no rows below its header; add some", code="table.empty")
    finite = np.isfinite(values)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise UserError(
            f"{where(row)}, column '{columns[column]}' holds '{values[row, column]}', which is not "
            "a finite number; correct it",
            code="table.not_finite",
        )
    rows: dict[str, list[int]] = {}
    told = [[text.strip() for text in texts.get(field, [""] * len(names))] for field in TEXTS]
    tracks = track_names(names)
    told[0] = join_alike(
        [text or genre_of(track) for text, track in zip(told[0], tracks, strict=True)], str(path)
    )
    about = list(zip(*told, strict=True))
    for row, track in enumerate(tracks):
        if not track:
            raise UserError(
                f"{where(row)} has no {NAMES[0]}; name every track", code="table.unnamed_track"
            )
        frames = rows.setdefault(track, [])
        frames.append(row)
        if about[frames[0]] != about[row]:
            raise UserError(
                f"{where(row)} gives track '{track}' another label, artist or split than a row "
                "before it; all rows of a track must agree",
                code="table.contradiction",
            )
    files = texts.get("filename", names)
    told_order = {column: texts[column] for column in ORDER if column in texts}
    numbers: dict[str, list[float]] = {}
    for track, frames in rows.items():
        rows[track], numbers[track] = in_order(track, frames, told_order, files, where)
    tell_of_gaps(path, numbers)
    label, artist, split = zip(*(about[frames[0]] for frames in rows.values()), strict=True)
    return FeatureTracks(
        path,
        list(rows),
        [values[frames] for frames in rows.values()],
        label,
        artist,
        split,
        columns,
        full_name=dict(zip(tracks, full_names(names), strict=True)),
    )
