"""What goes wrong with a disk, told in one sentence."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from mgr_jax.errors import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: BaseException | None) -> bool:
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
        if is_full(error):
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
