"""Limits the memory that a file of weights may claim; errors for damaged files."""

import zipfile
from pathlib import Path

from mgr_jax.errors import UserError

# Memory that a file may claim beyond a multiple of its size: compressed zeros, expanded tensors.
_FREE = 2**28
_TIMES = 4
_LONGEST_NAME = 1000


def damaged(path: Path, why: object) -> UserError:
    """The error for a damaged file."""
    return UserError(
        f"{path} is damaged or cut off ({str(why)[:200]}); get the file again",
        code="weights.damaged",
    )


def require_name(path: Path, name: str) -> str:
    """Checks the length of a name; names that share their beginnings could grow without limit.

    Args:
      path: the file.
      name: the name.

    Returns:
      The name.

    Raises:
      UserError: it is longer than any array's.
    """
    if len(name) > _LONGEST_NAME:
        raise damaged(path, f"a name is longer than {_LONGEST_NAME} characters")
    return name


class Room:
    """The bytes that may still be allocated for a file.

    Attributes:
      path: path of the file.
    """

    def __init__(self, path: Path, size: int | None = None) -> None:
        """Allows a file four times its size, plus 256 MiB.

        Args:
          path: path of the file.
          size: size of all its parts, if there are several.
        """
        self.path = path
        self._size = path.stat().st_size if size is None else size
        self._left = _TIMES * self._size + _FREE

    def take(self, count: int) -> None:
        """Counts bytes before they are allocated.

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
        """Reads a member of a zip archive, and checks its checksum.

        Args:
          zipped: the archive.
          name: the member.

        Returns:
          Its bytes.

        Raises:
          UserError: it is damaged, or claims too much.
        """
        info = zipped.getinfo(name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise damaged(self.path, f"{name} is compressed in a way that no such file is")
        self.take(info.file_size)
        return zipped.read(info)
