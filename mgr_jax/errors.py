"""The one exception for what a user can put right, and what becomes one."""

import contextlib
import difflib
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

# What a disk may refuse a write with, whatever is written: what it is called, and what to do.
_REFUSALS = {
    errno.ENOSPC: ("is full", "free some space there and give the same command again"),
    errno.EDQUOT: ("is full for you", "free some of your quota and give the same command again"),
    errno.EFBIG: ("takes no file so large", "raise the limit (ulimit -f)"),
    errno.EROFS: ("can only be read", "have it mounted for writing"),
    errno.EIO: ("fails", "look what the system's log says of it (dmesg)"),
}
_FULL = (errno.ENOSPC, errno.EDQUOT)


class UserError(Exception):
    """Something the user can put right.

    The command line prints the message without a traceback and exits with status 1.

    Attributes:
      code: what went wrong, for programs and tests: "area.problem" in lower case, such as
        "config.unknown_field". Unlike the sentence it does not change, and errors share one only
        where a program would treat them alike.
    """

    def __init__(self, message: str, code: str) -> None:
        """Keeps both.

        Args:
          message: one sentence that names the thing, says what was expected and what to do.
          code: see the class.
        """
        message = printable(message)
        super().__init__(message, code)  # what pickle calls this with in another process
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0])


def printable(text: str) -> str:
    r"""A text on one line that cannot steer a terminal: a file name may hold anything.

    Control characters, line ends, characters that turn the direction of writing, and bytes that
    are no text are written as Python writes them, such as \x1b.
    """
    return "".join(
        c if c == " " or c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode()
        for c in text
    )


def some_names(names: Iterable[str], most: int = 3, between: str = ", ") -> str:
    """The first names of a list, for a sentence; "…" stands for the others."""
    names = list(names)
    return between.join([*names[:most], *(["…"] if len(names) > most else [])])


def require(holds: bool, name: str, value: Any, expected: str) -> None:
    """Raises a UserError that names a setting and what was expected, unless the condition holds."""
    if not holds:
        raise UserError(f"{name} is {value!r}; {expected}", code="argument.out_of_range")


_MOST = 12  # names that a sentence lists; AudioSet alone has 527


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Returns the error that says which of the known names may have been meant, or lists them."""
    known = sorted(known)
    plain = {other.lower(): other for other in known}
    close = [plain[match] for match in difflib.get_close_matches(name.lower(), plain)]
    hint = (
        f"did you mean {' or '.join(close)}?"
        if close
        else f"choose from {some_names(known, _MOST)}" + f" ({len(known)})" * (len(known) > _MOST)
    )
    return UserError(f"there is no {kind} {name!r}; {hint}", code="unknown_name")


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one behind it, is that of a full disk or an exhausted quota."""
    return _refusal(error)[0] in _FULL


def _refusal(error: BaseException | None) -> tuple[int, str]:
    """With which number a disk has refused a write, and the file if that is known; 0: it has not.

    Writers in C++ raise errors of other kinds, which hold the system's words; TFDS, which looks
    before it begins, an OSError without a number.
    """
    while error:
        for number in _REFUSALS:
            if isinstance(error, OSError) and error.errno:
                if error.errno == number:
                    return number, str(error.filename or "")
            elif os.strerror(number) in str(error):
                return number, ""
        if isinstance(error, OSError) and str(error).startswith("Not enough disk space"):
            return errno.ENOSPC, ""
        error = error.__cause__ or error.__context__
    return 0, ""


def disk_refusal(error: BaseException | None, folder: str) -> UserError | None:
    """What to tell of an error if it, or one behind it, is that a disk refuses to be written.

    Args:
      error: any.
      folder: what was written to, where the error does not tell.
    """
    number, name = _refusal(error)
    if not number:
        return None
    if name and not Path(name).is_relative_to(folder):  # such as one of $TMPDIR
        folder = os.path.dirname(name) or "."
    problem, advice = _REFUSALS[number]
    told = f"the disk that holds {folder} {problem}; {advice}, or choose a folder on another disk"
    if number in _FULL:
        return UserError(told, code="disk.full")
    return UserError(told, code="disk.refused")


@contextlib.contextmanager
def disk_errors_told(folder: Path) -> Iterator[None]:
    """Turns what a disk refuses into a UserError; one that is raised within stays.

    Args:
      folder: what is written to, for the message.

    Raises:
      UserError: the disk is full or cannot be written, or a file or folder cannot be used.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if refusal := disk_refusal(error, str(folder)):
            raise refusal from error
        if isinstance(error, OSError):
            raise UserError(
                f"cannot use {error.filename or folder} ({error.strerror or error}); check the "
                "path and its permissions",
                code="disk.refused",
            ) from error
        raise
