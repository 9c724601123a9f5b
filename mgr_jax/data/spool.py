"""The way of tracks from worker processes to records and cache, through files.

Not through pipes: however long a track is, and however many are done before their turn comes, the
process that stores them holds one record at a time.
"""

import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from mgr_jax.data.records import LoadedTrack, Record, Track


@dataclasses.dataclass(frozen=True)
class Spooled:
    """Records in a file, one after another: the time steps of each, then its data.

    Attributes:
      path: of the file.
      places: offset and length of every record in time steps, and how many bytes its time steps
        and its data take; no bytes of time steps where its data are just these.
    """

    path: Path
    places: tuple[tuple[int, int, int, int], ...]

    def records(self) -> Iterator[tuple[Record, bytes]]:
        """Reads each record with the bytes of its time steps, once: the file goes."""
        with self.path.open("rb") as file:
            self.path.unlink()
            for offset, length, size, data_size in self.places:
                steps, data = file.read(size), file.read(data_size)
                yield Record(data, offset, length), steps or data


def spool(
    make_records: Callable[[Track], tuple[LoadedTrack, list[Record]]], folder: str, track: Track
) -> tuple[LoadedTrack, Spooled]:
    """Makes the records of a track into a file of its own in a folder."""
    loaded, records = make_records(track)
    handle, path = tempfile.mkstemp(dir=folder)
    places = []
    with os.fdopen(handle, "wb") as file:
        for record in records:
            size = file.write(b"" if record.steps is None else record.steps.data)
            places.append((record.offset, record.length, size, file.write(record.data)))
    return loaded, Spooled(Path(path), tuple(places))
