"""Checks that a cache holds what was written, for its dataset, and reads its index."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.array_files import read_arrays
from mgr_jax.data.cache_data import DATA, CacheData, has_block_sums
from mgr_jax.data.sources import digest_dataset
from mgr_jax.files import parse_json, write_json
from mgr_jax.integrity import find_damage, has_sums, write_sums

# Larger data are not read when they are opened, but checked when they are used: reading takes
# 0.7 s per GB and core.
_READ_TO_CHECK = 4_000_000_000
_ORIGIN = "origin.json"  # what the cache belongs to
_NUMBERS = {"start", "length", "label", "tags"}
_TEXTS = {"track_id", "artist_id", "groups"}


def seal_cache(folder: Path, dataset_dir: Path) -> None:
    """Writes the checksums of a new cache, with its split and dataset.

    Args:
      folder: folder of the cache, named after the split.
      dataset_dir: folder of the dataset, with its protocol.json; the cache need not be there yet.
    """
    write_json(folder / _ORIGIN, _origin(folder, dataset_dir))
    write_sums(folder, skip=(DATA,))  # they have their own checksums


def _origin(folder: Path, dataset_dir: Path) -> dict[str, str]:
    return {"split": folder.name, "dataset": digest_dataset(dataset_dir)}


def find_cache_damage(folder: Path, *, progress: bool = False) -> str:
    """The damage of a cache in its place, in words; "" if there is none.

    `progress` shows a bar if the check takes long.
    """
    if damage := find_damage(folder):
        return damage
    try:
        origin = folder / _ORIGIN  # missing in the first caches with checksums
        wanted = _origin(folder, folder.parents[1])
        if origin.exists() and parse_json(origin.read_bytes()) != wanted:
            return "it is of another split or dataset"
        data = CacheData(folder / DATA)
        if (folder / DATA).stat().st_size <= _READ_TO_CHECK:
            data.check(progress=progress)
    except OSError as error:
        return f"{Path(error.filename or DATA).name} cannot be read ({error.strerror})"
    except ValueError as error:
        return str(error)
    return ""


def is_older_cache(folder: Path, stored_as: Mapping[str, Any]) -> bool:
    """Whether a cache is an undamaged one of version 0.1.0, which kept no checksums.

    Args:
      folder: folder of the cache, in its dataset.
      stored_as: format of the dataset.
    """
    if has_sums(folder) or has_block_sums(folder) or has_sums(folder.parents[1]):
        return False
    try:
        index, _ = read_index(folder)
        size = (folder / DATA).stat().st_size
    except (OSError, ValueError):
        return False
    return size == step_bytes(stored_as) * int(index["length"].sum())


def read_index(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """The columns of a cache's index: numbers and texts by name.

    Raises:
      OSError: a file cannot be read.
      ValueError: it is damaged.
    """
    index = read_arrays(folder / "index.npz")
    text = parse_json((folder / "text.json").read_bytes())
    if not isinstance(text, dict) or (index.keys(), text.keys()) != (_NUMBERS, _TEXTS):
        raise ValueError("it has other columns")
    if not all(isinstance(c, list) and all(isinstance(t, str) for t in c) for c in text.values()):
        raise ValueError("its texts are none")
    if len({len(column) for column in (*index.values(), *text.values())}) != 1:
        raise ValueError("its columns are not equally long")
    return index, text


def step_bytes(stored_as: Mapping[str, Any]) -> int:
    """Bytes of a time step of this format."""
    return np.dtype(stored_as["dtype"]).itemsize * int(np.prod(stored_as["item_shape"]))
