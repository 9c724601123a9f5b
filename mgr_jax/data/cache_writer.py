"""Writes the cache of a split: what `mgr_jax.data.cache` opens."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    heads: list[Mapping[str, Any]] = []
    sums = BlockSums()
    with (folder / DATA).open("wb") as file:

        def add(head: Mapping[str, Any], steps: bytes | memoryview) -> None:
            file.write(steps)
            sums.add(steps)
            heads.append(head)

        yield add
    _write_index(folder, heads, num_tags)
    sums.write(folder)


def _write_index(folder: Path, heads: Sequence[Mapping[str, Any]], num_tags: int) -> None:
    """Writes the metadata of the tracks, from their records in order."""
    lengths: dict[str, int] = {}
    for head in heads:
        lengths[head["track_id"]] = lengths.get(head["track_id"], 0) + int(head["length"])
    tracks = [head for head in heads if not head["offset"]]
    length = np.array([lengths[head["track_id"]] for head in tracks], np.int64)
    np.savez(
        folder / "index.npz",
        start=np.cumsum(length) - length,
        length=length,
        label=np.array([head["label"] for head in tracks], np.int32),
        tags=np.array([head["tags"] for head in tracks], np.uint8).reshape(len(tracks), num_tags),
    )
    text = {name: [head[name] for head in tracks] for name in ("track_id", "artist_id", "groups")}
    (folder / "text.json").write_text(json.dumps(text), encoding="utf-8")
