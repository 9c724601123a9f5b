"""Where results are to be written: what stands there already is ours, or is left alone."""

from pathlib import Path

from mgr_jax.errors import UserError
from mgr_jax.files import require_regular


def require_ours(path: Path, begin: bytes) -> None:
    """Raises a UserError where there is a file that does not begin as ours do, nor is empty."""
    require_file(path)
    if path.exists() and path.stat().st_size and not begins(path, begin):
        raise UserError(
            f"{path} holds something else than predictions; remove it, or choose another `out`",
            code="results.foreign_file",
        )


def require_no_file(folder: Path) -> None:
    """Raises a UserError where a file stands in the place of a folder."""
    if folder.exists() and not folder.is_dir():
        raise UserError(
            f"{folder} is a file, in the place of a folder; remove it, or choose another `out`",
            code="results.foreign_file",
        )


def require_file(path: Path) -> None:
    """Raises a UserError where there is a folder, a pipe or a device."""
    if path.is_dir():
        raise UserError(f"{path} is a folder; choose another `out`", code="file.is_folder")
    require_regular(path)


def begins(path: Path, begin: bytes) -> bool:
    """Whether a file begins so."""
    with path.open("rb") as file:
        return file.read(len(begin)) == begin
