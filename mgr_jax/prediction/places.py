"""Checks where results are to be written: files of other programs are never overwritten."""

from pathlib import Path

from mgr_jax.errors import UserError
from mgr_jax.files import require_regular


def require_ours(path: Path, begin: bytes) -> None:
    """Checks that a file is missing, empty, or begins like one of ours.

    Args:
      path: the file.
      begin: the first bytes of our files.

    Raises:
      UserError: the file holds something else.
    """
    require_file(path)
    if path.exists() and path.stat().st_size and not begins(path, begin):
        raise UserError(
            f"{path} does not hold predictions; remove it, or choose another `out`",
            code="results.foreign_file",
        )


def require_no_file(folder: Path) -> None:
    """Checks that no file has the name of a folder.

    Raises:
      UserError: one has.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(
            f"{folder} is a file, not a folder; remove it, or choose another `out`",
            code="results.foreign_file",
        )


def require_file(path: Path) -> None:
    """Checks that a path is not a folder, a pipe or a device.

    Raises:
      UserError: it is.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; choose another `out`", code="file.is_folder")
    require_regular(path)


def begins(path: Path, begin: bytes) -> bool:
    """Whether a file begins with these bytes."""
    with path.open("rb") as file:
        return file.read(len(begin)) == begin
