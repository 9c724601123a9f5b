"""The one exception for mistakes a user can make."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can put right.

    The message is one sentence that names the thing, says what was expected and what to do. The
    command line prints it without a traceback and exits with code 1.
    """


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Returns the error for a name that is not known, with the closest ones first."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? Known" if close else "known"
    return UserError(f"unknown {kind} '{name}'; {hint}: {', '.join(known)}")
