"""`UserError`, the exception for everything that a user can put right."""

import contextlib
import difflib
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

# Errors with which a disk refuses a write: the end of "the disk …", and what to do.
_REFUSALS = {
    errno.ENOSPC: ("is full", "free some space there and give the same command again"),
    errno.EDQUOT: ("is full for you", "free some of your quota and give the same command again"),
    errno.EFBIG: ("takes no file so large", "raise the limit (ulimit -f)"),
    errno.EROFS: ("can only be read", "have it mounted for writing"),
    errno.EIO: ("fails", "look what the system's log says of it (dmesg)"),
}
_FULL = (errno.ENOSPC, errno.EDQUOT)


class UserError(Exception):
    """Something that the user can put right.

    The command line prints the message without a traceback and exits with status 1.

    Attributes:
      code: the kind of problem, for programs and tests: "area.problem" in lower case, such as
        "config.unknown_field". The sentence may change; the code does not. Two errors share a code
        only if a program would treat them alike.
    """

    def __init__(self, message: str, code: str) -> None:
        """Keeps the message and the code.

        Args:
          message: one sentence that says what is wrong, what was expected and what to do.
          code: see the class.
        """
        message = printable(message)
        super().__init__(message, code)  # pickle passes these in another process
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0])


def printable(text: str) -> str:
    r"""The text on one line, without anything that could control a terminal.

    File names may contain anything. Control characters, line ends, characters that change the
    direction of writing, and invalid bytes are written as Python escapes, such as \x1b.
    """
    return "".join(
        c if c == " " or c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode()
        for c in text
    )


def some_names(names: Iterable[str], most: int = 3, between: str = ", ") -> str:
    """The first names of a list, for a sentence, with "…" for the rest.

    Args:
      names: the list.
      most: how many names to show.
      between: the text between two names.
    """
    names = list(names)
    return between.join([*names[:most], *(["…"] if len(names) > most else [])])


def require(holds: bool, name: str, value: Any, expected: str) -> None:
    """Checks the value of a setting.

    Args:
      holds: whether the value is valid.
      name: of the setting, for the message.
      value: of the setting, for the message.
      expected: the end of the message, such as "expected a number from 0 to 1".

    Raises:
      UserError: the value is not valid.
    """
    if not holds:
        raise UserError(f"{name} is {value!r}; {expected}", code="argument.out_of_range")


_MOST = 12  # names that a sentence lists; AudioSet alone has 527


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for an unknown name. It suggests similar names, or lists the known ones.

    Args:
      kind: the kind of thing, such as "model".
      name: the unknown name.
      known: all valid names.
    """
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
    """Whether an error, or one of its causes, is a full disk or an exhausted quota."""
    return _refusal(error)[0] in _FULL


def _refusal(error: BaseException | None) -> tuple[int, str]:
    """The errno of a disk that refused a write, and the file if it is known; (0, "") otherwise.

    C++ libraries raise other exceptions that contain the system's message. TFDS checks the free
    space first and raises an OSError without an errno.
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
    """The UserError for an error that was caused by a disk that cannot be written; None otherwise.

    Args:
      error: any error; its causes count too.
      folder: the folder that was written to, if the error does not name the file.
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
    """Turns errors of the disk within the block into a UserError. A UserError passes unchanged.

    Args:
      folder: the folder that is written to, for the message.

    Yields:
      Nothing; the block runs once.

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
