"""How much a file of weights may ask for, and what is said of one that is damaged."""

import zipfile
from pathlib import Path

from mgr_jax.errors import UserError

# What a file may ask for beyond a few times its own size: compressed zeros, expanded tensors.
_FREE = 2**28
_TIMES = 4
_LONGEST_NAME = 1000


def damaged(path: Path, why: object) -> UserError:
    """What is said of a file that is not whole."""
    return UserError(
        f"{path} is damaged or cut off ({str(why)[:200]}); get the file again",
        code="weights.damaged",
    )


def require_name(path: Path, name: str) -> str:
    """A name as it is; those of forms in which names share their beginnings could grow for ever.

    Raises:
      UserError: it is longer than any array's.
    """
    if len(name) > _LONGEST_NAME:
        raise damaged(path, f"a name is longer than {_LONGEST_NAME} characters")
    return name


class Room:
    """The bytes that may still be made of a file.

    Attributes:
      path: of the file.
    """

    def __init__(self, path: Path, size: int | None = None) -> None:
        """Gives a file four times its size, and 256 MiB.

        Args:
          path: of the file.
          size: of all its parts, where there are several.
        """
        self.path = path
        self._size = path.stat().st_size if size is None else size
        self._left = _TIMES * self._size + _FREE

    def take(self, count: int) -> None:
        """Takes bytes before they are made.

        Raises:
          UserError: a file of this size cannot need so many.
        """
        self._left -= count
        if self._left < 0:
            raise UserError(
                f"{self.path} has {self._size:,} bytes, but claims to hold arrays of more than "
                f"{_TIMES * self._size + _FREE:,}, and was not read; it is damaged, or made to "
                "fill the memory",
                code="weights.too_large",
            )

    def read(self, zipped: zipfile.ZipFile, name: str) -> bytes:
        """Reads a member of a zip archive, whose sum is checked."""
        info = zipped.getinfo(name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise damaged(self.path, f"{name} is compressed in a way that no such file is")
        self.take(info.file_size)
        return zipped.read(info)
