"""Passes tracks from worker processes to records and cache, through files.

Through files, not pipes: whatever the length of tracks and however many are finished before their
turn, the process that stores them holds one record at a time.
"""

import contextlib
import json
import mmap
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mgr_jax.data.examples import example_head
from mgr_jax.data.records import LoadedTrack, Record, Track

_UNKNOWN = -1  # the label of a track without a genre


@dataclass(frozen=True)
class Columns:
    """The columns that a dataset stores of tracks.

    Attributes:
      payload: name of the column of the data.
      classes: names of the genres.
      tags: vocabulary.
    """

    payload: str
    classes: tuple[str, ...]
    tags: tuple[str, ...]

    def describe(self, track: Track, loaded: LoadedTrack) -> dict[str, Any]:
        """The columns that all records of a track share."""
        given = {*track.tags, *loaded.tags}
        return {
            "label": self.classes.index(track.label) if track.label else _UNKNOWN,
            "tags": np.array([tag in given for tag in self.tags], np.uint8),
            "track_id": track.track_id,
            "artist_id": track.artist_id,
            "groups": json.dumps({**track.groups, **loaded.groups}, sort_keys=True),
        }


@dataclass(frozen=True)
class Spooled:
    """A record in a file of its own: its example, and after it what the cache holds of it.

    Attributes:
      path: path of the file.
      columns: the columns of the record except its data.
      size: size of its example in bytes.
      steps_size: size of its time steps in bytes; they end the file, and may be the end of the
        example.
    """

    path: Path
    columns: dict[str, Any]
    size: int
    steps_size: int

    @contextlib.contextmanager
    def steps(self) -> Iterator[memoryview]:
        """Maps the bytes of its time steps into memory, once; then removes all but the example."""
        with (
            self.path.open("r+b") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as whole,
            whole[len(whole) - self.steps_size :] as steps,
        ):
            yield steps
        os.truncate(self.path, self.size)

    def example(self) -> "SpooledExample":
        """Its example alone, in the same file."""
        return SpooledExample(os.fspath(self.path), self.size)


class SpooledExample(NamedTuple):
    """An example in a file of its own. All of a split wait there together, so it is small.

    Attributes:
      path: of the file.
      size: in bytes.
    """

    path: str
    size: int

    def take(self) -> bytes:
        """Reads it, once: the file goes."""
        path = Path(self.path)
        example = path.read_bytes()
        path.unlink()
        return example


def spool(
    make_records: Callable[[Track], tuple[LoadedTrack, list[Record]]],
    columns: Columns,
    folder: str,
    track: Track,
) -> tuple[LoadedTrack, list[Spooled]]:
    """Makes the records of a track, as files in a folder.

    Args:
      make_records: loads a track and cuts it into records.
      columns: columns of the dataset.
      folder: the folder.
      track: the track.

    Returns:
      The loaded track without its data, and its records.
    """
    loaded, records = make_records(track)
    shared = columns.describe(track, loaded)
    return loaded, [_spool_record(record, shared, columns.payload, folder) for record in records]


def _spool_record(record: Record, shared: dict[str, Any], payload: str, folder: str) -> Spooled:
    own = shared | {"offset": record.offset, "length": record.length}
    head = example_head(own, payload, len(record.data))
    steps = record.data if record.steps is None else record.steps.data
    handle, path = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "wb") as file:  # buffered: unbuffered writes may stop halfway
        file.write(head)
        file.write(record.data)
        if record.steps is not None:
            file.write(steps)
    return Spooled(Path(path), own, len(head) + len(record.data), memoryview(steps).nbytes)
