"""Files of a folder or of a zip archive, read in place; tar archives, unpacked safely."""

import contextlib
import functools
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from mgr_jax.audio import listing
from mgr_jax.errors import UserError
from mgr_jax.files import scratch


def find_files(source: Path) -> listing.Files:
    """Lists the plain files below a folder or in a zip archive, and what is left out.

    Hidden files and `__MACOSX` are left out, and so are links and names that lead out of a zip.

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
        else:
            found.sizes[member.filename] = member.file_size
    return found


def list_files(source: Path) -> dict[str, int]:
    """Sizes in bytes of the same files by name, sorted; without a word of the others."""
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
def open_file(source: Path, name: str) -> Iterator[IO[bytes]]:
    """Opens a file of a folder or of a zip archive; the archive stays open for the next one.

    Args:
      source: a folder or a zip archive.
      name: as `list_files` gives it.

    Raises:
      UserError: the file is not there, or the archive is damaged, which reading may show.
    """
    try:
        with _open(source, name) as file:
            yield file
    # bz2 reports damage as an OSError; an encrypted member is a RuntimeError.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise UserError(
            f"{source}: {name} cannot be read ({error}); check its permissions or download it "
            "again",
            code="file.unreadable",
        ) from error


def _open(source: Path, name: str) -> IO[bytes]:
    try:
        return (source / name).open("rb") if source.is_dir() else _zip(source).open(name)
    except (KeyError, FileNotFoundError):
        raise UserError(
            f"{source} holds no {name}; download it again", code="archive.missing_file"
        ) from None


def read_bytes(source: Path, name: str, limit: int | None = None) -> bytes:
    """Reads a file, or its first `limit` bytes; see `open_file`."""
    with open_file(source, name) as file:
        return file.read(-1 if limit is None else limit)


def content_marks(source: Path) -> dict[str, int]:
    """A number per file that files of equal content share, and that costs no reading.

    The size of a plain file; of a zip archive's member, also the CRC-32 that the archive keeps.
    Zero for empty files.
    """
    sizes = list_files(source)
    if source.is_dir():
        return sizes
    archive = _zip(source)
    return {name: size and size << 32 | archive.getinfo(name).CRC for name, size in sizes.items()}


def member_sum(source: Path, name: str) -> tuple[int, tuple[()], int | None]:
    """What a zip archive keeps of a member: size, no times, CRC-32; see `Mark`."""
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


@functools.lru_cache(maxsize=4)  # opening reads the table of contents, which takes seconds
def _open_zip(path: Path, changed: int, size: int) -> zipfile.ZipFile:
    del changed, size  # another file under the same name is opened anew
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise UserError(
            f"{path} is no zip archive, or is cut short ({error}); download it again",
            code="archive.damaged",
        ) from error


def unpack_tar(archive: Path, folder: Path) -> None:
    """Unpacks a tar archive (gzip, bzip2, xz or plain) into a folder, wholly or not at all.

    Args:
      archive: holds files and folders only.
      folder: a new or an empty one.

    Raises:
      UserError: the archive is damaged, or a member is a link, a device or leads out of the folder.
    """
    try:
        with scratch(folder.parent) as aside, tarfile.open(archive) as tar:
            partial = aside / "partial"
            partial.mkdir()
            for member in tar:
                _unpack(tar, member, partial)
            assert tar.fileobj is not None
            while tar.fileobj.read(1 << 20):
                pass  # to the end of the file, where gzip keeps its check sum
            partial.replace(folder)
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, OSError) as error:
        if isinstance(error, OSError) and not _tells_damage(error):
            raise
        raise UserError(
            f"{archive} is no tar archive, or is damaged ({_one_line(error)}); download it again",
            code="archive.damaged",
        ) from error


def _tells_damage(error: OSError) -> bool:
    """Whether it is not the disk's: one name, twice, or what gzip and bz2 say, without a number."""
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
        shutil.copyfileobj(content, file, 1 << 20)
