"""Files of arrays that carry a digest of what they hold; see `mgr_jax.integrity`."""

import hashlib
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from mgr_jax.files import write_file

# What zipfile and NumPy raise for an archive that is cut, or has a bit flipped somewhere.
_DAMAGED = (
    *(OSError, TypeError, ValueError, EOFError, LookupError, RuntimeError, OverflowError),
    *(zipfile.BadZipFile, zlib.error, struct.error, MemoryError),
)
_DIGEST = "sha256"
# A zip archive has sums of its members, but one bit may hide a member. Version 0.1.0 listed all.
_NAMES = "names of all arrays"
_KEPT_AT = "kept at"  # of caches: the names of the folder and the file


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, compress: bool = False) -> None:
    """Writes an .npz file with a digest of its content, whole or not at all.

    Args:
      path: of the file.
      arrays: the arrays by name.
      compress: compress the file.
    """
    save = np.savez_compressed if compress else np.savez
    # First, since one bit of the number of members may hide the last ones.
    sealed = {_DIGEST: np.array(_digest_of_arrays(arrays)), **arrays}

    def write(file: IO[bytes]) -> None:
        save(file, **sealed)  # type: ignore[arg-type]

    write_file(path, write)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays by name of an .npz file that `write_arrays` wrote.

    Args:
      path: of the file.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: the file is no .npz file, is damaged, or its content has changed.
    """
    try:
        with path.open("rb") as file, np.load(file) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        raise
    except _DAMAGED as error:
        raise ValueError(f"it is no whole .npz file ({type(error).__name__})") from error
    listed, digest = arrays.pop(_NAMES, None), arrays.pop(_DIGEST, None)
    if digest is not None and str(digest) != _digest_of_arrays(arrays):
        raise ValueError("it holds something else than was written")
    if listed is not None and listed.tolist() != sorted(arrays):
        raise ValueError("some arrays are missing")
    return arrays


def _digest_of_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        total.update(repr((name, array.dtype.str, array.shape)).encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a cache that can be computed again; {} if the cache is missing or damaged.

    A damaged cache gives a warning. A cache that was made for another place, such as another split,
    counts as damaged. See `read_arrays`.
    """
    try:
        arrays = read_arrays(path)
        place = arrays.pop(_KEPT_AT, None)  # versions before kept none
        if place is not None and str(place) != _place(path):
            raise ValueError("it was kept in another place")
        return arrays
    except FileNotFoundError:
        return {}
    except ValueError:
        warnings.warn(f"{path} is damaged; what it held is computed anew", stacklevel=2)
        return {}


def keep_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Writes a cache that can be computed again. If it cannot be written, it only warns."""
    try:
        write_arrays(path, {**arrays, _KEPT_AT: np.array(_place(path))})
    except OSError as error:  # a dataset that others keep
        warnings.warn(
            f"cannot keep {path} ({error.strerror}); it is computed anew each time", stacklevel=2
        )


def _place(path: Path) -> str:
    """The part of a path that identifies a cache, wherever the dataset is moved."""
    return f"{path.parent.name}/{path.name}"
