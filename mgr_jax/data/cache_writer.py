"""Writes the cache of a split: what `mgr_jax.data.cache` opens."""

import contextlib
import json
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.data.cache_data import DATA, BlockSums


@contextlib.contextmanager
def write_cache(
    folder: Path, num_tags: int
) -> Iterator[Callable[[Mapping[str, Any], bytes | memoryview], None]]:
    """Makes a new folder, and yields a function that adds records; `seal_cache` completes it.

    Records are sorted by their track's name, then by their offset, whatever their stored order. So
    the same tracks give the same batches in every build.

    Args:
      folder: must not exist.
      num_tags: size of the tag vocabulary.

    Yields:
      A function of a stored record without its payload, and the bytes of its time steps.
    """
    folder.mkdir(parents=True)
    index, sums = Index(), BlockSums()
    with (folder / DATA).open("wb") as file:

        def add(head: Mapping[str, Any], steps: bytes | memoryview) -> None:
            file.write(steps)
            sums.add(steps)
            index.add(head)

        yield add
    index.write(folder, num_tags)
    sums.write(folder)


class Index:
    """What is known of the tracks, from their records in order; of a million it fits in memory."""

    def __init__(self) -> None:
        self._length, self._label, self._tags = array("q"), array("i"), bytearray()
        self._text: dict[str, list[str]] = {"track_id": [], "artist_id": [], "groups": []}

    def add(self, head: Mapping[str, Any]) -> None:
        """Adds a record: a track, or more of the last one.

        Raises:
          ValueError: it is not the next part of its track.
        """
        if head["offset"]:
            before = dict(zip(self._text["track_id"][-1:], self._length[-1:], strict=True))
            if before.get(head["track_id"]) != head["offset"]:
                raise ValueError(f"a part of {head['track_id']} is missing")
            self._length[-1] += int(head["length"])
            return
        self._length.append(int(head["length"]))
        self._label.append(int(head["label"]))
        self._tags += np.asarray(head["tags"], np.uint8).tobytes()
        for name, texts in self._text.items():
            # Many have the same artist, or no groups. Texts of arrays are of a subclass of str.
            texts.append(sys.intern(str(head[name])))

    def write(self, folder: Path, num_tags: int) -> None:
        """Writes index.npz and text.json."""
        length = np.array(self._length, np.int64)
        np.savez(
            folder / "index.npz",
            start=np.cumsum(length) - length,
            length=length,
            label=np.array(self._label, np.int32),
            tags=np.frombuffer(self._tags, np.uint8).reshape(len(length), num_tags),
        )
        (folder / "text.json").write_text(json.dumps(self._text), encoding="utf-8")
