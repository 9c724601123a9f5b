"""Unpacks tar archives safely."""

import bz2
import contextlib
import gzip
import itertools
import lzma
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Self

from mgr_jax.data.expansion import MAX_EXPANSION, RAISE_IT, require_expansion
from mgr_jax.errors import UserError
from mgr_jax.files import scratch

_BLOCK = 1 << 20  # bytes
_MOST_AT_ONCE = 1 << 26


def unpack_tar(archive: Path, folder: Path, *, max_expansion: float = MAX_EXPANSION) -> None:
    """Unpacks a tar archive (gzip, bzip2, xz or plain) into a folder, completely or not at all.

    Args:
      archive: holds files and folders only.
      folder: a new or an empty one.
      max_expansion: see `require_expansion`.

    Raises:
      UserError: the archive is damaged or expands too much, or a member is a link, a device or
        leads out of the folder.
    """
    with (
        scratch(folder.parent) as aside,
        _opened(archive, max_expansion) as (stream, tar),
    ):
        partial = aside / "partial"
        partial.mkdir()
        size = 0
        for member in tar:
            size += member.size  # a sparse file is larger than its stored data
            stream.require(size)
            _unpack(tar, member, partial)
        while stream.read(_BLOCK):
            pass  # to the end of the file, where gzip has its checksum
        partial.replace(folder)


def first_names(archive: Path, most: int, *, max_expansion: float = MAX_EXPANSION) -> list[str]:
    """The names of the first files in a tar archive; reads no further.

    Args:
      archive: the archive.
      most: number of names.
      max_expansion: see `require_expansion`.

    Raises:
      UserError: the part that is read is damaged or expands too much.
    """
    with _opened(archive, max_expansion) as (_, tar):
        return list(itertools.islice((member.name for member in tar if member.isfile()), most))


@contextlib.contextmanager
def _opened(archive: Path, max_expansion: float) -> Iterator[tuple["_Counted", tarfile.TarFile]]:
    """Opens an archive; damage found while reading becomes one sentence."""
    try:
        with (
            _Counted(archive, max_expansion) as stream,
            tarfile.open(archive, "r:", fileobj=stream) as tar,  # type: ignore[call-overload]
        ):
            yield stream, tar
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, OSError) as error:
        if isinstance(error, OSError) and not _tells_damage(error):
            raise
        raise UserError(
            f"{archive} is no tar archive, or is damaged ({_one_line(error)}); download it again",
            code="archive.damaged",
        ) from error


class _Counted:
    """The contents of a tar archive, unpacked while they are read, with a limit."""

    def __init__(self, archive: Path, max_expansion: float) -> None:
        self._archive, self._max_expansion = archive, max_expansion
        self._packed = archive.stat().st_size
        with archive.open("rb") as file:
            start = file.read(6)
        kinds: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
        unpack = next((of for magic, of in kinds.items() if start.startswith(magic)), open)
        self._file: Any = unpack(archive, "rb")

    def require(self, size: int) -> None:
        """Raises a UserError if so many bytes are too many."""
        way_out = f"{RAISE_IT} or unpack it yourself and give the folder"
        require_expansion(self._archive, self._packed, size, self._max_expansion, way_out)

    def read(self, size: int) -> bytes:
        if size > _MOST_AT_ONCE:  # only headers are read at once
            raise tarfile.ReadError(f"a header of {size} bytes")
        data = self._file.read(size)
        self.require(self._file.tell())
        return data

    def seek(self, position: int) -> None:
        self.require(position)
        self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _tells_damage(error: OSError) -> bool:
    """Whether an error is damage, not the disk's: gzip's and bz2's errors have no number."""
    twice = (FileExistsError, IsADirectoryError, NotADirectoryError)
    return error.errno is None or isinstance(error, twice)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


# Not tarfile's own `filter`, which came with Python 3.11.4.
def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
        raise UserError(
            f"{tar.name!s} holds '{member.name}', a link, a device or a path that leads elsewhere; "
            "unpack it by hand and give the folder",
            code="archive.unsafe_member",
        )
    target = folder / path
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file, _BLOCK)
