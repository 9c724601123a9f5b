"""Whether a cache is what was written, and what it tells of its tracks."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.array_files import read_arrays
from mgr_jax.data.cache_data import DATA, CacheData
from mgr_jax.integrity import find_damage, has_sums

# Data of more bytes than this are not read when they are opened, but checked where they are used:
# reading takes 0.7 s per GB and core.
_READ_TO_CHECK = 4_000_000_000
_NUMBERS = {"start", "length", "label", "tags"}
_TEXTS = {"track_id", "artist_id", "groups"}


def find_cache_damage(folder: Path) -> str:
    """What is wrong with a cache, in words; "" if nothing."""
    if damage := find_damage(folder):
        return damage
    try:
        data = CacheData(folder / DATA)
        if (folder / DATA).stat().st_size <= _READ_TO_CHECK:
            data.check()
    except OSError as error:
        return f"{DATA} cannot be read ({error.strerror})"
    except ValueError as error:
        return str(error)
    return ""


def is_older_cache(folder: Path, stored_as: Mapping[str, Any]) -> bool:
    """Whether a cache is one of version 0.1.0, which kept no sums, and is whole.

    Args:
      folder: of the cache.
      stored_as: the format of the dataset.
    """
    if has_sums(folder):
        return False
    try:
        index, _ = read_index(folder)
        CacheData(folder / DATA)  # whose sums, if it has any, are its own
        size = (folder / DATA).stat().st_size
    except (OSError, ValueError):
        return False
    return size == step_bytes(stored_as) * int(index["length"].sum())


def read_index(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """What a cache tells of its tracks: numbers and texts, by column.

    Raises:
      OSError: a file cannot be read.
      ValueError: it is damaged.
    """
    index = read_arrays(folder / "index.npz")
    text = json.loads((folder / "text.json").read_text(encoding="utf-8"))
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
