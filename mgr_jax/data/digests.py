"""Digests of tracks' data, by which a track is recognised under another name."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mgr_jax.array_files import keep_arrays, load_arrays
from mgr_jax.data.cache import Tracks, digest
from mgr_jax.data.cache_check import read_index
from mgr_jax.data.cache_data import CacheData


def track_digests(tracks: Tracks, *, progress: bool = False) -> list[str]:
    """The digest of each track's data; for a part of a track, that of the whole.

    Digests are computed once for all tracks of a split, and kept beside its cache.

    Args:
      tracks: tracks of one dataset.
      progress: show a bar while tracks are read.
    """
    found = np.empty(len(tracks), "U16")
    for number, file in enumerate(tracks.files):
        rows = tracks.file == number
        start, digests = _whole_split(file, tracks, progress)
        # Parts of a track begin after its start, and before the start of the next one.
        found[rows] = digests[np.searchsorted(start, tracks.start[rows], side="right") - 1]
    return found.tolist()


def same_format(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether tracks of two formats can hold the same data; see `format` in protocol.json.

    The rate of features comes from the user, and does not change them.
    """
    kept = ["kind", "dtype", "item_shape"]
    kept += ["rate"] if one["kind"] == "waveform" else []
    return all(one[name] == other[name] for name in kept)


def _whole_split(file: Path, tracks: Tracks, progress: bool) -> tuple[np.ndarray, np.ndarray]:
    """The start of each track of a split in its file [tracks], in order, and its digest."""
    index, text = read_index(file.parent)
    start, length = index["start"], index["length"]
    path = file.parent / "digests.npz"
    kept = load_arrays(path).get("digests")
    if kept is not None and len(kept) == len(start):
        return start, kept

    data, names = CacheData(file), text["track_id"]
    first = (start * tracks.step_bytes).tolist()
    last = ((start + length) * tracks.step_bytes).tolist()

    def read() -> Iterator[str]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from pool.map(lambda i: digest(data.read(first[i], last[i], names[i])), order)

    order = range(len(start))
    bar = tqdm(
        read(),
        f"digests of {file.parent.name}",
        total=len(start),
        unit="track",
        leave=False,
        disable=None if progress else True,
    )
    digests = np.array(list(bar), "U16")
    keep_arrays(path, digests=digests)
    return start, digests
