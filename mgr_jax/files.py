"""Files: written whole or not at all, what goes wrong with disks, arrays that are kept."""

import contextlib
import errno
import json
import os
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mgr_jax.errors import UserError

if TYPE_CHECKING:
    import numpy as np

_FULL = (errno.ENOSPC, errno.EDQUOT)
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


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one behind it, is that of a full disk or an exhausted quota.

    Writers in C++ raise errors of other kinds, which hold the system's words.
    """
    while error:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if any(os.strerror(code) in str(error) for code in _FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextlib.contextmanager
def disk_errors_told(folder: Path) -> Iterator[None]:
    """Turns what a disk refuses into a UserError.

    Args:
      folder: what is written to, for the message.

    Raises:
      UserError: the disk is full, or a file or folder cannot be used.
    """
    try:
        yield
    except Exception as error:
        if is_disk_full(error):
            raise UserError(
                f"the disk that holds {folder} is full; free some space there, or choose a folder "
                "on another disk"
            ) from error
        if isinstance(error, OSError):
            raise UserError(
                f"cannot use {error.filename or folder} ({error.strerror or error}); check the "
                "path and its permissions"
            ) from error
        raise


def load_arrays(path: Path) -> "dict[str, np.ndarray]":
    """The arrays of an .npz file by name; none without a file, or, with a warning, if damaged."""
    import numpy as np  # slow to import, and what else is here does without it

    if not path.exists():
        return {}
    try:
        with np.load(path) as stored:
            return {name: stored[name] for name in stored.files}
    except _DAMAGED:
        warnings.warn(f"{path} is damaged; what it held is computed anew", stacklevel=2)
        return {}


def keep_arrays(path: Path, **arrays: "np.ndarray") -> None:
    """Writes an .npz file, whole or not at all; warns where one cannot write."""
    import numpy as np  # as above

    try:
        write_file(path, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
    except OSError as error:  # a dataset that others keep
        warnings.warn(
            f"cannot keep {path} ({error.strerror}); it is computed anew each time", stacklevel=2
        )
