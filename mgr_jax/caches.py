"""Caches: arrays and folders that are kept, and not believed once they are damaged."""

import functools
import json
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from mgr_jax.files import write_file, write_json

# What zipfile and NumPy raise for an archive that is cut, or has a bit flipped somewhere.
_DAMAGED = (
    *(OSError, TypeError, ValueError, EOFError, LookupError, RuntimeError, OverflowError),
    *(zipfile.BadZipFile, zlib.error, struct.error, MemoryError),
)
_SUMS = "sums.json"
# A zip archive has sums of its members, but one bit may hide a member: this one lists all.
_NAMES = "names of all arrays"


def write_sums(folder: Path) -> None:
    """Notes sizes and CRC-32 sums of a folder's files in its sums.json, for `find_damage`."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    sums = {path.name: {"bytes": path.stat().st_size, "crc32": _crc32(path)} for path in files}
    write_json(folder / _SUMS, sums)


def find_damage(folder: Path, *, limit: int) -> str:
    """What is wrong with the files that a folder's sums.json names, in words; "" if nothing.

    Args:
      folder: with a sums.json.
      limit: larger files are not read; of those only the size counts, in bytes. A file that stays
        as it is is read once per process.
    """
    try:
        sums = json.loads((folder / _SUMS).read_text(encoding="utf-8"))
        for name, wanted in sums.items():
            size = (folder / name).stat().st_size
            if size != wanted["bytes"]:
                return f"{name} has {size} bytes, not {wanted['bytes']}"
            if size <= limit and _crc32(folder / name) != wanted["crc32"]:
                return f"{name} holds something else than was written"
        return "" if sums else f"{_SUMS} is empty"
    except OSError as error:
        return f"{Path(error.filename or _SUMS).name} cannot be read ({error.strerror})"
    except (ValueError, TypeError, LookupError, AttributeError):
        return f"{_SUMS} is damaged"


def _crc32(path: Path) -> int:
    state = path.stat()
    return _read_crc32(path, state.st_size, state.st_mtime_ns, state.st_ino)


@functools.lru_cache(maxsize=256)
def _read_crc32(path: Path, *state: int) -> int:
    del state  # another file under the same name is read anew
    total = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            total = zlib.crc32(block, total)
    return total


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name; none without a file, or, with a warning, if damaged."""
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file, np.load(file) as stored:
            arrays = {name: stored[name] for name in stored.files}
        listed = arrays.pop(_NAMES, None)  # version 0.1.0 wrote none
        if listed is not None and listed.tolist() != sorted(arrays):
            raise ValueError("some are missing")
        return arrays
    except _DAMAGED:
        warnings.warn(f"{path} is damaged; what it held is computed anew", stacklevel=2)
        return {}


def keep_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Writes an .npz file, whole or not at all; warns where one cannot write."""
    try:
        names = {_NAMES: np.array(sorted(arrays), np.str_)}
        write_file(path, lambda file: np.savez(file, **arrays, **names))  # type: ignore[arg-type]
    except OSError as error:  # a dataset that others keep
        warnings.warn(
            f"cannot keep {path} ({error.strerror}); it is computed anew each time", stacklevel=2
        )
