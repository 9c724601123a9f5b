"""Files that are written whole or not at all, and arrays that are kept once they are computed."""

import json
import os
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from mgr_jax.errors import UserError

_DAMAGED = (OSError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)


def write_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Writes a file through `write`; whoever reads it sees the old content or the new one.

    Raises:
      OSError: the folder cannot be written, or the disk is full. What was there stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        os.chmod(partial, 0o666 & ~_umask())  # mkstemp's files are for nobody else
        os.replace(partial, path)
    except BaseException as error:
        os.unlink(partial)
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = str(path)  # which a write to a full disk does not tell
        raise


def write_text(path: Path, text: str) -> None:
    """Writes text as UTF-8; see `write_file`."""
    write_file(path, lambda file: file.write(text.encode("utf-8")))


def write_json(path: Path, content: Any) -> None:
    """Writes indented JSON; see `write_file`."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path, advice: str) -> Any:
    """Reads JSON.

    Raises:
      UserError: the file is missing, cannot be read or is not JSON; `advice` says what to do.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is missing or damaged; {advice}") from error


def require_writable(path: Path) -> None:
    """Makes sure before the work, not after it, that a file can be written here.

    Raises:
      UserError: it is a folder, or its folder cannot be made or written.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the name of a file")
    require_folder(path.parent)


def require_folder(path: Path) -> None:
    """Makes a folder where there is none; raises a UserError if it cannot be made or written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path} cannot be made a folder ({error.strerror})") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise UserError(f"{path} cannot be written; choose another folder, or change its rights")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


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
    try:
        write_file(path, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
    except OSError as error:  # a dataset that others keep
        warnings.warn(
            f"cannot keep {path} ({error.strerror}); it is computed anew each time", stacklevel=2
        )
