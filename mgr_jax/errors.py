"""The one exception for mistakes a user can make."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can put right.

    The message is one sentence that names the thing, says what was expected and what to do. The
    command line prints it without a traceback and exits with code 1.
    """


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Returns the error that says which of the known names may have been meant, or lists them."""
    known = sorted(known)
    plain = {other.lower(): other for other in known}
    close = [plain[match] for match in difflib.get_close_matches(name.lower(), plain)]
    hint = f"did you mean {' or '.join(close)}?" if close else f"choose from {', '.join(known)}"
    return UserError(f"there is no {kind} {name!r}; {hint}")
