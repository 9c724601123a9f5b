"""Tracks of features in memory, and how the rows of a table become them."""

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
      path: of the file.
      track_id: names, each of them once.
      features: of each track, [frames, bins] or [frames, bins, channels]; uint8, float16 or
        float32. All have the same dtype and, but for the frames, the same shape.
      label, artist, split: of each track; empty where the file does not say.
      columns: names of the bins of a table; empty for arrays.
      groups: further columns by name, a text per track, empty where unknown.
      published: whether a dataset's table of tracks gives labels and splits; some labels may be
        empty.
      full_name: of tracks of a table, by name: with the folders that it was cut of, if any.
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
        """The tracks sorted by name, numbers as numbers: splits do not depend on a file's order."""
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
        """The same tracks by these artists [tracks]; where one is empty, by their own."""
        if not artists:
            return self
        merged = [new or own for new, own in zip(artists, self.artist, strict=True)]
        return dataclasses.replace(self, artist=merged)

    def require_splits(self, *, of_all: bool) -> None:
        """Raises a UserError for a split that is none of SPLITS or, with `of_all`, is empty."""
        for track, split in zip(self.track_id, self.split, strict=True):
            if split not in SPLITS and (split or of_all):
                raise UserError(
                    f"{self.path} gives track '{track}' the split '{split}', but 'split' is one of "
                    f"{', '.join(SPLITS)}; correct it",
                    code="table.unknown_split",
                )

    def require_labels(self) -> None:
        """Raises a UserError unless the genre of every track is known."""
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
    """Makes tracks of the rows of a table; rows of one track are its frames.

    They stand in the order of their columns `segment` and `frame`, or of the numbers in the names
    of their files, see `in_order`; else in the order of the file. Genres that look alike are
    joined.

    Args:
      path: of the table.
      names: [rows] tracks or files.
      texts: [rows] of those of `TEXTS` and `ORDER` that the table has, and `filename`, where names
        are tracks.
      values: [rows, columns] float32.
      columns: names of the values.
      where: says in words where a row stands in the file.

    Raises:
      UserError: there are no rows, one has no name or holds what is no finite number, or rows of
        one track disagree, or one of them is there twice.
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
