"""Reads files of a folder or of a zip archive without unpacking."""

import bz2
import contextlib
import copy
import functools
import io
import lzma
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mgr_jax.audio import listing
from mgr_jax.data.expansion import MAX_EXPANSION, RAISE_IT, require_expansion
from mgr_jax.errors import UserError
from mgr_jax.files import require_regular

_BLOCK = 1 << 16  # bytes
_CACHED = 1 << 18  # bytes, which fit into the cache of a core
_LZMA_BLOCK = 1 << 12  # zipfile unpacks it to up to 30 MB
_EARLIER = "that the archive holds again under the same name, of which the last one is read"
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError)


def find_files(source: Path) -> listing.Files:
    """Lists the plain files below a folder or in a zip archive, and what is left out.

    Hidden files, `__MACOSX`, links and names that lead out of an archive are left out.

    Args:
      source: a folder or a zip archive.

    Returns:
      The files; names are relative to the source, with forward slashes.

    Raises:
      UserError: neither a folder nor a readable zip archive.
    """
    if source.is_dir():
        return listing.list_files(source)
    found = listing.Files(source)
    for member in sorted(_zip(source).infolist(), key=lambda member: member.filename):
        if member.is_dir():
            continue
        if reason := _why_not(member):
            found.left_out.setdefault(reason, []).append(member.filename)
            continue
        if member.filename in found.sizes:
            found.left_out.setdefault(_EARLIER, []).append(member.filename)
        found.sizes[member.filename] = member.file_size
    return found


def file_sizes(source: Path) -> dict[str, int]:
    """Sizes in bytes of the same files by name, sorted; does not log what is left out."""
    return find_files(source).sizes


def _why_not(member: zipfile.ZipInfo) -> str:
    """Why a member is left out of a list; empty if it is not."""
    parts = PurePosixPath(member.filename).parts
    if stat.S_ISLNK(member.external_attr >> 16):
        return "links in an archive"
    if ".." in parts or member.filename.startswith("/"):
        return "whose names lead out of the archive"
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return listing.HIDDEN if hidden else ""


@contextlib.contextmanager
def open_file(
    source: Path, name: str, *, max_expansion: float = MAX_EXPANSION
) -> Iterator[IO[bytes]]:
    """Opens a file of a folder or of a zip archive; the archive stays open for the next one.

    Args:
      source: a folder or a zip archive.
      name: name of the file, as `find_files` gives it.
      max_expansion: see `require_expansion`.

    Yields:
      The open file.

    Raises:
      UserError: the file does not exist or expands too much, or the archive is damaged; damage may
        be found while reading.
    """
    try:
        with _open(source, name, max_expansion) as file:
            yield file
    # bz2 reports damage as an OSError; an encrypted member raises a RuntimeError, and so does one
    # with a compression that Python lacks.
    except _DAMAGE as error:
        raise UserError(
            f"{source}: {name} cannot be read ({error}); check its permissions or download it "
            "again",
            code="file.unreadable",
        ) from error


def _open(source: Path, name: str, max_expansion: float) -> IO[bytes]:
    try:
        if source.is_dir():
            require_regular(source / name)
            return (source / name).open("rb")
        archive = _zip(source)
        require_member(source, archive.getinfo(name), max_expansion)
        return open_member(archive, name)
    except (KeyError, FileNotFoundError):
        raise UserError(
            f"{source} holds no {name}; download it again", code="archive.missing_file"
        ) from None


def require_member(
    source: Path,
    member: zipfile.ZipInfo,
    max_expansion: float,
    way_out: str = f"{RAISE_IT} or unpack the archive yourself and give the folder",
) -> None:
    """Checks that a zip archive's member does not expand too much; see `require_expansion`.

    Reading never takes more than the size that the member claims.

    Args:
      source: the zip archive.
      member: its member.
      max_expansion: see `require_expansion`.
      way_out: what the user can do, for the message.

    Raises:
      UserError: it expands too much.
    """
    packed = min(member.compress_size, source.stat().st_size)
    what = f"{source}: {member.filename}"
    require_expansion(what, packed, member.file_size, max_expansion, way_out)


def open_member(zipped: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Opens a member of an archive; reading needs no more memory than the data that is read.

    zipfile itself unpacks all that bzip2 makes of 4 kB at once, which may be gigabytes, even if
    the member claims to be small.
    """
    member = zipped.getinfo(name)
    if member.compress_type != zipfile.ZIP_BZIP2:
        block = _LZMA_BLOCK if member.compress_type == zipfile.ZIP_LZMA else _BLOCK
        return io.BufferedReader(_Member(zipped.open(member), member.file_size, block))
    packed = copy.copy(member)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, member.compress_size
    packed.CRC = None  # type: ignore[assignment]  # bzip2 has sums of its own
    return io.BufferedReader(_Member(bz2.BZ2File(zipped.open(packed)), member.file_size, _BLOCK))


class _Member(io.RawIOBase):
    """A file that is read block by block, and must be as long as it claims."""

    def __init__(self, file: IO[bytes], size: int, block: int) -> None:
        self._file, self._left, self._block = file, size, block

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self._read(self._block), b""))

    def _read(self, size: int) -> bytes:
        block = self._file.read(min(size, self._block))
        self._left -= len(block)
        if self._left < 0 or (size and not block and self._left):
            raise zipfile.BadZipFile("it is longer or shorter than it claims")
        return block

    def close(self) -> None:
        self._file.close()
        super().close()


def read_bytes(
    source: Path, name: str, limit: int | None = None, *, max_expansion: float = MAX_EXPANSION
) -> bytes:
    """Reads a file, or its first `limit` bytes; see `open_file`.

    Args:
      source: a folder or a zip archive.
      name: name of the file.
      limit: number of bytes; None: all.
      max_expansion: see `require_expansion`.

    Returns:
      The bytes.
    """
    with open_file(source, name, max_expansion=max_expansion) as file:
        return file.read(-1 if limit is None else limit)


def read_blocks(
    source: Path, name: str, limit: int | None = None, *, max_expansion: float = MAX_EXPANSION
) -> Iterator[bytes]:
    """Reads a file, or its first `limit` bytes, block by block; see `open_file`.

    Args:
      source: a folder or a zip archive.
      name: name of the file.
      limit: number of bytes; None: all.
      max_expansion: see `require_expansion`.

    Yields:
      The blocks.
    """
    left = sys.maxsize if limit is None else limit
    with open_file(source, name, max_expansion=max_expansion) as file:
        while block := file.read(min(left, _CACHED)):
            left -= len(block)
            yield block


def content_marks(source: Path) -> dict[str, int]:
    """A number per file, without reading it, that is equal for files of equal content.

    It is the size of a plain file; of a zip archive's member, also the CRC-32 in the archive. Zero
    for empty files.
    """
    sizes = file_sizes(source)
    if source.is_dir():
        return sizes
    archive = _zip(source)
    return {name: size and size << 32 | archive.getinfo(name).CRC for name, size in sizes.items()}


def member_sum(source: Path, name: str) -> tuple[int, tuple[()], int | None]:
    """A zip archive's record of a member: size, no times, CRC-32; see `Mark`."""
    try:
        member = _zip(source).getinfo(name)
    except (KeyError, UserError):
        return -1, (), None
    return member.file_size, (), member.CRC


def _zip(path: Path) -> zipfile.ZipFile:
    if not path.is_file():
        raise UserError(
            f"{path} is neither a folder nor a zip archive; check the path",
            code="archive.unknown_kind",
        )
    state = path.stat()
    return _open_zip(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=4)  # opening reads the table of contents, which may take seconds
def _open_zip(path: Path, changed: int, size: int) -> zipfile.ZipFile:
    del changed, size  # another file of the same name is opened again
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise UserError(
            f"{path} is no zip archive, or is cut short ({error}); download it again",
            code="archive.damaged",
        ) from error
    for member in archive.infolist():  # some programs on Windows write backslashes
        member.filename = member.filename.replace("\\", "/")
        archive.NameToInfo[member.filename] = member
    return archive
