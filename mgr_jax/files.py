"""Files and folders: replaced whole or not at all, and locked.

A process may be killed at any point, and machines may share the disk. Work in progress therefore
stands under a name of its own and takes its place by renaming; that somebody is at work on it is
told by a lock that the system lets go with the process, never by a process number, which another
machine or container may use as well. The locks are those of flock(2): on NFS the server keeps them
for all its clients, unless it is mounted with `nolock` or `local_lock`, which keeps hosts unaware
of one another (and Lustre needs `-o flock`).
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
    """Writes a file through `write`; whoever reads it sees the old content or the new one.

    What a killed write has left (`.<name>.<random>.partial`) goes with the next one.

    Raises:
      OSError: the folder cannot be written, or the disk is full. What was there stays.
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
            error.filename = str(path)  # which a write to a full disk does not tell
        raise


def _sync(file: IO[bytes]) -> None:
    """Has the content on the disk before the name: else a power cut leaves the name of nothing."""
    file.flush()
    os.fsync(file.fileno())


def append(path: Path, data: bytes) -> None:
    """Adds to the end of a file, or to a new one; all of it, or nothing where the disk is full.

    Raises:
      OSError: it cannot be written.
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

    Unlike `write_file` it does not wait for the disk: a power cut may leave the file empty. What a
    killed write has left goes with the next one of that file, not of any.

    Raises:
      OSError: the folder cannot be written, or the disk is full. What was there stays.
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
    """Reads JSON.

    Raises:
      UserError: the file is missing, cannot be read or is not JSON; `advice` says what to do.
    """
    require_regular(path)
    try:
        return parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is missing or damaged; {advice}", code="file.damaged") from error


def parse_json(text: bytes) -> Any:
    """What JSON in UTF-8 says; raises a ValueError where it is none, or nested too deeply."""
    try:
        return json.loads(text.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def expand(path: str | os.PathLike[str]) -> Path:
    """A path with `~` and `~name` replaced by the home folders that they stand for.

    Raises:
      UserError: there is no such user, and nothing that is called so; or nothing can be.
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
        if os.path.lexists(path):  # as shells give it for ~*.wav
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
    """Raises a UserError for a pipe or device, which might be waited for, or read, without end.

    What is not there, or is a folder, is for the reader to tell.
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
    """Makes sure before the work, not after it, that a file can be written here.

    Raises:
      UserError: it is a folder, or its folder cannot be made or written.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the name of a file", code="file.is_folder")
    require_folder(path.parent)


def require_folder(path: Path) -> None:
    """Makes a folder where there is none; raises a UserError if it cannot be made or written."""
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
    """A folder of this user's cache, which need not exist."""
    base = expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache").absolute()
    return base / "mgr_jax" / name


def is_own(folder: Path) -> bool:
    """Makes a folder unless it exists; warns where somebody else may write to it.

    What a process takes from there and runs must be its user's alone.
    """
    if not hasattr(os, "getuid"):
        folder.mkdir(parents=True, exist_ok=True)
        return True
    there = next(path for path in (folder, *folder.parents) if path.exists())
    # In a home of somebody else, as under sudo, a folder would be in its owner's way.
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
    """Opens a file, made where there is none, that nobody else has opened so.

    The lock is held until the file is closed or the process ends, however it ends.

    Args:
      path: of the file.
      wait: until whoever has it is done.
      needed: raise where the file system has no locks, and do not go on with a warning.

    Raises:
      BlockingIOError: another process or thread has it.
      OSError: it cannot be written.
      UserError: its folder is there, but takes no files, such as /proc.
    """
    made = False
    while True:
        try:
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "r+b")
        except FileNotFoundError as error:  # no folder; again where somebody else removes it
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
        file.close()  # whoever had it was done, and removed or renamed it, since it was opened


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def lock(path: Path, told: str, *, wait: bool = False) -> Iterator[None]:
    """Holds a lock file, which is removed at the end; one that a kill has left locks nobody out.

    Args:
      path: of the lock file.
      told: what there is to say where somebody else holds it.
      wait: say it in the log, and wait.

    Raises:
      UserError: somebody else holds it, and we do not wait.
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
    """A new folder in `parent` for work in progress; it is removed at the end.

    A lock beside it says that somebody is at work. What those have left who were killed is removed
    at the beginning and at the end.
    """
    _clear_scratch(parent)
    folder = parent / f"{_SCRATCH}{os.urandom(8).hex()}"
    # Locked before there is a folder, until there is none: whatever stands unlocked is left over.
    with lock(folder.with_suffix(".lock"), "", wait=True):
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _clear_scratch(parent)


def outside_scratch(folder: Path) -> Path:
    """The folder that a user knows of: that which holds the scratch, of one within it."""
    inside = [one for one in (folder, *folder.parents) if one.name.startswith(_SCRATCH)]
    return inside[-1].parent if inside else folder


@contextlib.contextmanager
def together(folder: Path) -> Iterator[Path]:
    """A new folder for files that take their places in `folder` at the end: all, or none.

    Only a kill at that very moment finds some in their places and others not.
    """
    try:
        with scratch(folder) as aside:
            yield aside
            for path in sorted(aside.iterdir()):
                os.replace(path, folder / path.name)
    except OSError as error:
        if error.filename:  # by the name that it would have had
            name = Path(error.filename).name
            error.filename = str(folder if name.startswith(_SCRATCH) else folder / name)
        raise


def _clear_scratch(parent: Path) -> None:
    _clear_killed({path.with_suffix(".lock") for path in parent.glob(f"{_SCRATCH}*")})


def _clear_killed(marks: Iterable[Path]) -> None:
    """Removes the files that nobody has locked, and the folder that each stands for."""
    for mark in list(marks):
        with contextlib.suppress(OSError), open_locked(mark, needed=True):
            shutil.rmtree(mark.with_suffix(""), ignore_errors=True)
            mark.unlink()


def replace_folder(new: Path, target: Path) -> None:
    """Puts a folder in the place of `target`; what was there, if anything, then stands at `new`.

    Linux exchanges the two in one step. Where the file system cannot (NFS), `target` is put aside
    for a moment; after a kill in that moment, `restore_folder` brings it back.

    Args:
      new: a folder on the same disk, in a `scratch`.
      target: the place; whoever may replace it at once has to hold one `lock`.
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
    """Ends what a killed `replace_folder` has begun; hold the same lock."""
    aside = _aside(target)
    if aside.exists() and not target.exists():
        os.rename(aside, target)
    elif aside.exists():
        with scratch(target.parent) as folder:  # a kill while it is removed leaves no part of it
            os.rename(aside, folder / target.name)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.replaced")


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two names in one step; False where the system cannot."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of <fcntl.h> and <linux/fs.h>
    names = [here, os.fsencode(one), here, os.fsencode(other), exchange]
    return rename is not None and rename(*names) == 0
