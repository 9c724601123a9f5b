"""Audio files as FFmpeg gets them: opened, corrected, and limited to a part."""

import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

from mgr_jax.audio.gate import AudioError


def open_encoded(path: Path, data: bytes | None) -> BinaryIO:
    """Opens a regular file. A named pipe is refused, because it could block.

    Args:
      path: of the file.
      data: the content, if `path` only names it.

    Returns:
      The open file.

    Raises:
      AudioError: there is no such file, or it may not be read.
    """
    if data is not None:
        return io.BytesIO(data)
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except PermissionError as error:
        raise AudioError(
            f"{path} may not be read (permission denied); change its permissions",
            code="file.denied",
        ) from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{path} is not a file; check the path", code="file.not_found") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise AudioError(
            f"{path} is not a regular file; give the path of one", code="file.not_found"
        )
    return os.fdopen(handle, "rb")


def state_of(file: BinaryIO) -> tuple[int, int] | None:
    """Values that change when somebody writes to a file; None for a file in memory."""
    try:
        found = os.fstat(file.fileno())
    except io.UnsupportedOperation:  # it lies in memory
        return None
    return found.st_size, found.st_mtime_ns


class Part:
    """A file from some byte on, as FFmpeg sees it. FFmpeg detects formats by the suffix too."""

    def __init__(self, file: BinaryIO | io.RawIOBase, suffix: str, start: int) -> None:
        """Wraps a file.

        Args:
          file: the whole file.
          suffix: of its name.
          start: the first byte that FFmpeg sees.
        """
        self.name = f"sound{suffix}" if suffix[1:].isalnum() and suffix.isascii() else "sound"
        self.read, self._file, self._start = file.read, file, start
        self.seek(0)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a byte of the part; returns -1 if there is no such place."""
        if whence == io.SEEK_SET:
            offset += self._start
        try:
            return self._file.seek(offset, whence) - self._start
        except OSError:  # a damaged file may point anywhere; the disk is not to blame
            return -1

    def tell(self) -> int:
        """The current position."""
        return self._file.tell() - self._start


class Patched(io.RawIOBase):
    """A file in which some bytes are replaced."""

    def __init__(self, file: BinaryIO, patches: dict[int, bytes]) -> None:
        """Wraps a file.

        Args:
          file: the file.
          patches: new bytes by position.
        """
        self._file, self._patches = file, patches

    def read(self, size: int = -1) -> bytes:
        """See io.RawIOBase."""
        at = self._file.tell()
        found = self._file.read(size)
        for place, value in self._patches.items():
            first, last = max(place, at), min(place + len(value), at + len(found))
            if first < last:
                new = value[first - place : last - place]
                found = found[: first - at] + new + found[last - at :]
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See io.RawIOBase."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """See io.RawIOBase."""
        return self._file.tell()


class Pieces(io.RawIOBase):
    """Several stretches of a file in a row, each from a first byte to before a last one."""

    def __init__(self, file: BinaryIO, pieces: list[tuple[int, int]]) -> None:
        self._file, self._pieces, self._at = file, pieces, 0

    def read(self, size: int = -1) -> bytes:
        """Reads at most to the end of the current stretch."""
        at = self._at
        for first, last in self._pieces:
            if at < last - first:
                self._file.seek(first + at)
                there = last - first - at
                found = self._file.read(there if size < 0 else min(size, there))
                self._at += len(found)
                return found
            at -= last - first
        return b""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a position, counted without the parts that are left out.

        Raises:
          OSError: the position is before the beginning.
        """
        size = sum(last - first for first, last in self._pieces)
        at = offset + (0, self._at, size)[whence]
        if at < 0:
            raise OSError("before the first byte")
        self._at = at
        return at

    def tell(self) -> int:
        """The position, counted without the parts that are left out."""
        return self._at
