"""Arrays that are computed once and kept in a file, where that can be done."""

import os
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

_DAMAGED = (OSError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name; none without a file, or, with a warning, if damaged."""
    if not path.exists():
        return {}
    try:
        with np.load(path) as stored:
            return {name: stored[name] for name in stored.files}
    except _DAMAGED:
        warnings.warn(f"{path} is damaged; what it held is computed anew", stacklevel=2)
        return {}


def keep_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Writes an .npz file, whole or not at all; warns where one cannot write."""
    partial = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(partial, **arrays)  # type: ignore[arg-type]
        partial.replace(path)  # so that a reader never sees half a file
    except OSError as error:  # a dataset that others keep
        warnings.warn(
            f"cannot keep {path} ({error.strerror}); it is computed anew each time", stacklevel=2
        )
