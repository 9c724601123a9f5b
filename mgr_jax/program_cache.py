"""A folder in which jax keeps compiled programs, so that each is compiled once per user."""

import itertools
import os
import platform
import sys
import time
import warnings
import zlib
from pathlib import Path

from mgr_jax.errors import UserError
from mgr_jax.files import is_own, user_folder

SWITCH = "MGR_JAX_CACHE"  # 0: keep nothing
FOLDER, LEAST = "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
_LEAST_SECONDS = 0.05  # reading a program takes a few milliseconds
_LARGEST = 2**30  # bytes that are kept
_CHECKED = 0o400  # mode of a program that was read through
_WRITING = 60  # seconds that writing one may take
_NOT_ZLIB = b"\x28\xb5\x2f\xfd"  # packed by Zstandard, which detects damage itself


def keep() -> None:
    """Makes jax keep compiled programs, unless it has started or the user has decided otherwise.

    Anyone who can write to the folder could make a process run their code. So the folder must
    belong to the user alone, or it is not used. Errors here stop nothing. `SWITCH` turns it off,
    and jax's own settings have priority.
    """
    if os.environ.get(SWITCH) == "0" or FOLDER in os.environ or "jax" in sys.modules:
        return
    try:
        folder = user_folder("xla") / _processor()
        if not (is_own(folder) and os.access(folder, os.W_OK)):
            return
        _clear(folder)
    except (OSError, RuntimeError, UserError):  # a home that is read-only, full, or not there
        return
    os.environ[FOLDER] = str(folder)
    os.environ.setdefault(LEAST, str(_LEAST_SECONDS))
    # jax warns of each program that it cannot read or write, and compiles it.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")


def _processor() -> str:
    """A name for the processor. Machines with different instructions may share a home folder."""
    cpuinfo = Path("/proc/cpuinfo")
    told = [platform.machine()]
    if cpuinfo.exists():
        with cpuinfo.open(encoding="utf-8") as lines:  # of one core, of perhaps hundreds
            first = itertools.takewhile(str.strip, lines)
            told += [line for line in first if line.startswith(("model name", "flags", "Features"))]
    return f"{zlib.crc32(repr(told).encode()):08x}"


def _clear(folder: Path) -> None:
    """Deletes incomplete programs, and the least used ones beyond 1 GB.

    jax does not replace existing files, and its own limit would need another package.
    """
    kept, now = [], time.time()
    for path in folder.glob("*-cache"):
        try:
            found = path.stat()
            if found.st_mode & 0o777 != _CHECKED and now - found.st_mtime > _WRITING:
                if not _is_whole(path.read_bytes()):
                    path.unlink()
                    continue
                path.chmod(_CHECKED)
        except FileNotFoundError:  # another process clears too
            continue
        kept.append((max(found.st_atime, found.st_mtime), found.st_size, path))
    size = sum(size for _, size, _ in kept)
    for _, freed, path in sorted(kept):
        if size <= _LARGEST:
            break
        path.unlink(missing_ok=True)
        size -= freed


def _is_whole(program: bytes) -> bool:
    if program.startswith(_NOT_ZLIB):
        return True
    try:
        zlib.decompress(program)
    except zlib.error:
        return False
    return True
