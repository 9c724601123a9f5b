"""Writes and locks files and folders. They are replaced whole or not at all.

A process may be killed at any point, and several machines may share a disk. So unfinished work has
a name of its own, and a rename puts it in its place. A lock shows that a process is at work on it:
the system releases the lock when the process ends. A process number would not do, because another
machine or container may use the same number. The locks are flock(2). On NFS the server keeps them
for all clients, unless the disk is mounted with `nolock` or `local_lock`; then hosts do not see
each other's locks. Lustre needs `-o flock`.
"""

import contextlib
import ctypes
import errno
import glob
import json
import logging
import os
import shutil
import stat
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from mgr_jax.errors import UserError

try:
    import fcntl
except ImportError as error:  # Python for Windows has none
    raise UserError(
        "mgr_jax needs the file locks of Linux or macOS; on Windows install and run it in WSL",
        code="platform.not_supported",
    ) from error

_log = logging.getLogger(__name__)
_SCRATCH = ".scratch-"


def write_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Writes a file through `write`. A reader sees either the old content or the new one.

    If a write is killed, the next write removes its leftovers (`.<name>.<random>.partial`).

    Args:
      path: of the file.
      write: writes the content to the open file that it is given.

    Raises:
      OSError: the folder cannot be written, or the disk is full. The old content stays.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open("wb") as device:  # or a pipe, such as /dev/stdout
            write(device)
        return
    _clear_killed(path.parent.glob(f".{glob.escape(path.name)}.*.partial"))
    partial = path.with_name(f".{path.name}.{os.urandom(8).hex()}.partial")
    file = open_locked(partial, wait=True)
    try:
        with file:
            write(file)
            _sync(file)
            os.replace(partial, path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(partial)):
            error.filename = str(path)  # the error of a full disk does not name the file
        raise


def _sync(file: IO[bytes]) -> None:
    """Flushes the content to disk before the rename; else a power cut may leave an empty file."""
    file.flush()
    os.fsync(file.fileno())


def append(path: Path, data: bytes) -> None:
    """Appends to a file, or starts a new one. On a full disk nothing is appended.

    Args:
      path: of the file.
      data: the bytes to append.

    Raises:
      OSError: the file cannot be written.
    """
    with path.open("ab", buffering=0) as file:
        size, rest = os.fstat(file.fileno()).st_size, memoryview(data)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError as error:
            error.filename = str(path)
            with contextlib.suppress(OSError):
                file.truncate(size)
            raise


def write_quickly(path: Path, data: bytes) -> None:
    """Writes one of many small files that can be made again, whole or not at all.

    Unlike `write_file` it does not wait for the disk, so a power cut may leave the file empty. The
    leftovers of a killed write are removed by the next write of the same file only.

    Args:
      path: of the file.
      data: its content.

    Raises:
      OSError: the folder cannot be written, or the disk is full. The old content stays.
    """
    partial = path.with_name(f".{zlib.crc32(os.fsencode(path.name)):08x}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
        os.replace(partial, path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None
        raise


def write_text(path: Path, text: str) -> None:
    """Writes text as UTF-8; see `write_file`."""
    write_file(path, lambda file: file.write(text.encode("utf-8")))


def write_json(path: Path, content: Any) -> None:
    """Writes indented JSON; see `write_file`."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path, advice: str) -> Any:
    """Reads a JSON file.

    Args:
      path: of the file.
      advice: what to do if it is missing or damaged, for the message.

    Returns:
      The content.

    Raises:
      UserError: the file is missing, cannot be read, or is not JSON.
    """
    require_regular(path)
    try:
        return parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is missing or damaged; {advice}", code="file.damaged") from error


def parse_json(text: bytes) -> Any:
    """The content of a JSON text in UTF-8.

    Raises:
      ValueError: it is not JSON, or it is nested too deeply.
    """
    try:
        return json.loads(text.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def expand(path: str | os.PathLike[str]) -> Path:
    """A path with `~` and `~name` replaced by home folders.

    Raises:
      UserError: there is no such user and no file of this name, or no file can have this name.
    """
    path = Path(path)
    try:
        path = path.expanduser()
        if not _can_be(path):
            raise UserError(
                f"nothing can be at the path that begins with '{str(path)[:40]}', of "
                f"{len(str(path))} characters: it, or a name in it, is too long, or holds a zero "
                "byte; check it",
                code="file.impossible_path",
            )
        return path
    except RuntimeError as error:
        if os.path.lexists(path):  # a shell expands ~*.wav to such names
            return path
        raise UserError(
            f"{path} would lie in the home folder of {path.parts[0][1:] or 'nobody'}, who has none "
            "here; check the path, and write ./~… for a name that begins so",
            code="file.no_home",
        ) from error


def _can_be(path: Path) -> bool:
    """Whether the system can look for it at all."""
    try:
        os.lstat(path)
    except ValueError:
        return False
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    return True


def require_regular(path: Path) -> None:
    """Checks that a path is not a pipe or a device, which could block or never end.

    A missing file or a folder passes; the code that reads it reports that.

    Raises:
      UserError: it is a pipe or a device.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UserError(
            f"{path} is a pipe or a device, no regular file; give the path of one",
            code="file.not_regular",
        )


def require_writable(path: Path) -> None:
    """Checks that a file can be written here, before the work starts.

    Raises:
      UserError: the path is a folder, or its folder cannot be made or written.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the name of a file", code="file.is_folder")
    require_folder(path.parent)


def require_folder(path: Path) -> None:
    """Makes a folder if it does not exist, and checks that it can be written.

    Raises:
      UserError: it cannot be made or written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{path} cannot be made a folder ({error.strerror}); choose another path, or change "
            "the permissions of the folder that it is to lie in",
            code="folder.not_made",
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise UserError(
            f"{path} cannot be written; choose another folder, or change its rights",
            code="folder.not_writable",
        )


def user_folder(name: str) -> Path:
    """A folder in this user's cache. It need not exist."""
    base = expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache").absolute()
    return base / "mgr_jax" / name


def is_own(folder: Path) -> bool:
    """Makes a folder unless it exists; returns whether only this user can write to it.

    It warns if others can. A process must not run files that someone else could have put there.
    """
    if not hasattr(os, "getuid"):
        folder.mkdir(parents=True, exist_ok=True)
        return True
    there = next(path for path in (folder, *folder.parents) if path.exists())
    # Under sudo, the home may belong to another user, whom such a folder would disturb.
    if there != folder and there.stat().st_uid not in (0, os.getuid()):
        return False
    folder.parent.parent.mkdir(parents=True, exist_ok=True)
    for path in (folder.parent, folder):
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.stat()
        if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            warnings.warn(
                f"{path} belongs to somebody else, or others may write to it, so programs "
                "are neither kept nor run from there; remove it",
                stacklevel=2,
            )
            return False
    return True


def open_locked(path: Path, *, wait: bool = False, needed: bool = False) -> BinaryIO:
    """Opens a file with an exclusive lock, and makes it if it does not exist.

    The lock is held until the file is closed or the process ends, for whatever reason.

    Args:
      path: of the file.
      wait: wait until the current holder releases the lock.
      needed: raise an error if the file system has no locks; otherwise only warn.

    Returns:
      The open file.

    Raises:
      BlockingIOError: another process or thread holds the lock.
      OSError: the file cannot be written.
      UserError: its folder exists but takes no files, such as /proc.
    """
    made = False
    while True:
        try:
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "r+b")
        except FileNotFoundError as error:  # there is no folder, or someone has just removed it
            if made and path.parent.is_dir():
                raise UserError(
                    f"{path.parent} takes no files; choose another folder",
                    code="folder.not_writable",
                ) from error
            path.parent.mkdir(parents=True, exist_ok=True)
            made = True
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            if needed or isinstance(error, BlockingIOError):
                file.close()
                raise
            warnings.warn(
                f"{path.parent} is on a file system without locks ({error.strerror}); nothing "
                "keeps two processes apart that write there at once",
                stacklevel=3,
            )
            return file
        if _is_at(file, path):
            return file
        file.close()  # the last holder has removed or renamed it since we opened it


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def lock(path: Path, told: str, *, wait: bool = False) -> Iterator[None]:
    """Holds a lock file and removes it at the end.

    A lock file that a killed process left blocks nobody.

    Args:
      path: of the lock file.
      told: the message if another process holds it.
      wait: write the message to the log and wait.

    Yields:
      Nothing; the block runs while the lock is held.

    Raises:
      UserError: another process holds the lock, and `wait` is False.
    """
    try:
        file = open_locked(path)
    except BlockingIOError:
        if not wait:
            raise UserError(told, code="folder.in_use") from None
        _log.info("%s", told)
        file = open_locked(path, wait=True)
    with file:
        try:
            yield
        finally:
            if _is_at(file, path):
                path.unlink()


@contextlib.contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A new folder in `parent` for unfinished work. It is removed at the end.

    A lock beside it shows that a process is at work. The folders that killed processes left are
    removed at the beginning and at the end.
    """
    _clear_scratch(parent)
    folder = parent / f"{_SCRATCH}{os.urandom(8).hex()}"
    # The lock exists before and after the folder: a folder without a lock is left over.
    with lock(folder.with_suffix(".lock"), "", wait=True):
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _clear_scratch(parent)


def outside_scratch(folder: Path) -> Path:
    """The folder that the user knows: of a scratch folder, or one in it, the folder around it."""
    inside = [one for one in (folder, *folder.parents) if one.name.startswith(_SCRATCH)]
    return inside[-1].parent if inside else folder


@contextlib.contextmanager
def together(folder: Path) -> Iterator[Path]:
    """A new folder for files that move into `folder` together at the end: all of them or none.

    Only a kill during the move itself can leave some of them moved.
    """
    try:
        with scratch(folder) as aside:
            yield aside
            for path in sorted(aside.iterdir()):
                os.replace(path, folder / path.name)
    except OSError as error:
        if error.filename:  # name the final path, not the temporary one
            name = Path(error.filename).name
            error.filename = str(folder if name.startswith(_SCRATCH) else folder / name)
        raise


def _clear_scratch(parent: Path) -> None:
    _clear_killed({path.with_suffix(".lock") for path in parent.glob(f"{_SCRATCH}*")})


def _clear_killed(marks: Iterable[Path]) -> None:
    """Removes the files that nobody has locked, and the folders that belong to them."""
    for mark in list(marks):
        with contextlib.suppress(OSError), open_locked(mark, needed=True):
            shutil.rmtree(mark.with_suffix(""), ignore_errors=True)
            mark.unlink()


def replace_folder(new: Path, target: Path) -> None:
    """Puts a folder in the place of `target`. The old folder, if any, is then at `new`.

    Linux exchanges the two in one step. Where the file system cannot do that (NFS), `target` is
    moved aside for a moment. If the process is killed in that moment, `restore_folder` brings it
    back.

    Args:
      new: a folder on the same disk, in a `scratch`.
      target: the place. All processes that may replace it must hold the same `lock`.
    """
    for path in new.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                _sync(file)
    restore_folder(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        os.rename(new, target)
    elif not _exchange(new, target):
        os.rename(target, _aside(target))
        os.rename(new, target)
        os.rename(_aside(target), new)


def restore_folder(target: Path) -> None:
    """Completes a `replace_folder` that was killed. Hold the same lock."""
    aside = _aside(target)
    if aside.exists() and not target.exists():
        os.rename(aside, target)
    elif aside.exists():
        with scratch(target.parent) as folder:  # if we are killed here, no part of it stays
            os.rename(aside, folder / target.name)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.replaced")


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two names in one step; returns False if the system cannot do that."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of <fcntl.h> and <linux/fs.h>
    names = [here, os.fsencode(one), here, os.fsencode(other), exchange]
    return rename is not None and rename(*names) == 0
