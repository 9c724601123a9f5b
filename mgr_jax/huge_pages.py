"""Huge memory pages for glibc's allocator, which reads its settings when a process starts.

JAX and NumPy allocate fresh memory for every result. The kernel clears and maps each page at its
first use. With pages of 2 MB instead of 4 kB this costs a tenth.
"""

import os
import sys
from pathlib import Path

SWITCH = "MGR_JAX_HUGE_PAGES"  # 0: leave the allocator as it is
TUNABLES, _TUNABLE = "GLIBC_TUNABLES", "glibc.malloc.hugetlb"
_FIRST_GLIBC = (2, 35)  # that knows the tunable
_RESTARTED = "MGR_JAX_RESTARTED"  # the process that was: some systems drop tunables
_MODE = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def restart() -> None:
    """Restarts this process with huge pages, if that helps and the user has not decided otherwise.

    The process number, arguments, standard streams and ignored signals stay the same. Everything
    else is done again, so call this first. It returns if there is nothing to gain: on a system
    other than Linux with glibc, if the kernel never uses huge pages or always does, and if the
    tunable or `SWITCH` is set.
    """
    if not _is_wanted():
        return
    tunables = ":".join(filter(None, (os.environ.get(TUNABLES), f"{_TUNABLE}=1")))
    environment = os.environ | {TUNABLES: tunables, _RESTARTED: str(os.getpid())}
    try:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
    except OSError:  # a Python that cannot be started again goes on as it is
        return


def are_in_use() -> bool:
    """Whether large arrays of this process use huge pages, as far as the system tells."""
    return _mode() == "always" or (_mode() == "madvise" and (_tunable() or "0") != "0")


def _is_wanted() -> bool:
    return (
        os.environ.get(SWITCH) != "0"
        and os.environ.get(_RESTARTED) != str(os.getpid())
        and _tunable() is None
        # With "always" glibc has nothing to ask for, and does not.
        and _mode() == "madvise"
        and _glibc() >= _FIRST_GLIBC
        and bool(sys.executable)
    )


def _tunable() -> str | None:
    """The value of the tunable; None if nobody has set it."""
    settings = (one.partition("=") for one in os.environ.get(TUNABLES, "").split(":"))
    values = [value for name, _, value in settings if name == _TUNABLE]
    return values[-1] if values else None


def _mode() -> str:
    """When the kernel uses huge pages: "always", "madvise" (on request) or "never"."""
    try:
        return _MODE.read_text(encoding="ascii").partition("[")[2].partition("]")[0]
    except OSError:
        return "never"


def _glibc() -> tuple[int, ...]:
    """The version of glibc; () of another C library."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        return tuple(map(int, version.split(".")[:2])) if name == "glibc" else ()
    except (AttributeError, ValueError, OSError):
        return ()
