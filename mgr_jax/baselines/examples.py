"""The training examples of classical models: rows of features, and the tracks behind them."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mgr_jax.data.cache import digest
from mgr_jax.data.feature_files import FeatureTracks
from mgr_jax.data.parts import Units, told_of_artists
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Protocol


@dataclass(frozen=True)
class Examples:
    """Rows of features, one per segment, and the tracks that they were cut from.

    Attributes:
      features: [rows, columns] float32.
      of_track: [rows] int, the position of each row's track in `tracks` and `label`.
      start, end: [rows] where each row's segment lies, in seconds.
      tracks: name, genre, artist and split of every track.
      label: [tracks] int class.
      classes: names of the classes.
      columns: names of the columns; empty for what is no table.
      protocol: how `tracks.split` was made.
      published: whether that is a published split.
      length: what a row is, such as "whole tracks".
    """

    features: np.ndarray
    of_track: np.ndarray
    start: np.ndarray
    end: np.ndarray
    tracks: Units
    label: np.ndarray
    classes: tuple[str, ...]
    columns: tuple[str, ...] = ()
    protocol: Protocol = dataclasses.field(default=Protocol("dataset"))
    published: bool = False
    length: str = "whole tracks"

    def select(self, rows: np.ndarray) -> "Examples":
        """The examples of some rows.

        Args:
          rows: bool [rows].
        """
        names = ("features", "of_track", "start", "end")
        chosen: dict[str, Any] = {name: getattr(self, name)[rows] for name in names}
        return dataclasses.replace(self, **chosen)

    def with_columns(self, positions: Sequence[int]) -> "Examples":
        """The same rows with these columns only."""
        names = tuple(self.columns[position] for position in positions)
        return dataclasses.replace(self, features=self.features[:, positions], columns=names)

    def averaged(self) -> "Examples":
        """One row per track: the mean of its rows."""
        tracks, index = np.unique(self.of_track, return_inverse=True)
        if len(tracks) == len(index):
            return self
        totals = np.zeros((len(tracks), self.features.shape[1]))
        np.add.at(totals, index, self.features)
        start, end = np.full(len(tracks), np.inf), np.zeros(len(tracks))
        np.minimum.at(start, index, self.start)
        np.maximum.at(end, index, self.end)
        features = (totals / np.bincount(index)[:, None]).astype(np.float32)
        length = f"tracks by the mean of their {self.length}"
        return dataclasses.replace(
            self, features=features, of_track=tracks, start=start, end=end, length=length
        )

    def units_of_rows(self) -> Units:
        """Every row as a unit of its own, with the name and the artist of its track."""
        return take_units(self.tracks, self.of_track)

    def digest(self) -> str:
        """A digest of everything; equal examples have equal digests."""
        arrays = (self.features, self.of_track, self.start, self.end, self.label)
        name = hashlib.sha256(repr((self.tracks, self.classes, self.columns)).encode())
        for array in arrays:
            name.update(np.ascontiguousarray(array).tobytes())
        return name.hexdigest()[:16]


def make_examples(
    features: np.ndarray,
    of_track: np.ndarray,
    spans: np.ndarray,
    tracks: Units,
    label: Sequence[int] | np.ndarray,
    classes: Sequence[str],
    **about: Any,
) -> Examples:
    """Makes examples from rows. Tracks without a genre are left out.

    Args:
      features: [rows, columns].
      of_track: [rows] int positions of tracks.
      spans: [rows, 2], start and end in seconds.
      tracks: facts about the tracks; genre "" if unknown.
      label: [tracks] int classes; any number if the genre is unknown.
      classes: names of the classes.
      **about: columns, protocol, published and length of the Examples.

    Returns:
      The examples.

    Raises:
      UserError: there are fewer than two genres.
    """
    known = np.array(tracks.genre) != ""
    if len(set(tracks.genre) - {""}) < 2:
        raise UserError(
            "a classifier needs tracks of two genres at least; give a table or a dataset with them",
            code="data.one_genre",
        )
    rows = known[of_track]
    return Examples(
        features=np.asarray(features, np.float32)[rows],
        of_track=(np.cumsum(known) - 1)[of_track[rows]],
        start=spans[rows, 0],
        end=spans[rows, 1],
        tracks=take_units(tracks, np.flatnonzero(known)),
        label=np.asarray(label, np.int64)[known],
        classes=tuple(classes),
        **about,
    )


def examples_of_table(table: FeatureTracks) -> Examples:
    """Every row of a table as an example. Its length is unknown, so it counts as one second.

    Args:
      table: with columns.

    Raises:
      UserError: the table does not give the genres of its tracks, or a split has an unknown name.
    """
    counts = [len(frames) for frames in table.features]
    start = np.concatenate([np.arange(count) for count in counts]).astype(float)
    return make_examples(
        np.concatenate(table.features),
        np.repeat(np.arange(len(counts)), counts),
        np.stack([start, start + 1], axis=1),
        **describe_tracks(table),
        columns=table.columns,
        length="whole tracks" if max(counts) == 1 else "rows of the table",
    )


def describe_tracks(table: FeatureTracks) -> dict[str, Any]:
    """The facts that a table gives about its tracks, as arguments of `make_examples`."""
    if not table.published:
        table.require_labels()
    table.require_splits(of_all=False)
    classes = sorted(set(table.label) - {""})
    digests = [digest(frames) for frames in table.features]
    count = Counter(digests)
    units = Units(
        track=list(table.track_id),
        genre=list(table.label),
        artist=list(table.artist),
        identical=[name if count[name] > 1 else "" for name in digests],
        split=list(table.split),
    )
    return {
        "tracks": units,
        "label": [classes.index(name) if name else -1 for name in table.label],
        "classes": classes,
        "protocol": Protocol(
            name="dataset",
            origin=f"splits given with {table.path.name}",
            **told_of_artists(units, units.split),
        ),
        "published": table.published,
    }


def take_units(units: Units, positions: np.ndarray) -> Units:
    """Some units, by position, which may repeat."""

    def take(values: Sequence[str]) -> list[str]:
        return [values[position] for position in positions]

    return Units(
        track=take(units.track),
        genre=take(units.genre),
        artist=take(units.artist),
        identical=take(units.identical),
        split=take(units.split),
        together=[take(column) for column in units.together],
    )
