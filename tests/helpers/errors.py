"""What tests expect of errors that a user can cause."""

import contextlib
from collections.abc import Iterator

import pytest

from mgr_jax.errors import UserError


@contextlib.contextmanager
def user_error(code: str, *named: object) -> Iterator[pytest.ExceptionInfo[UserError]]:
    """Expects a UserError by its code; its sentence may change.

    Args:
      code: that of the error.
      *named: things, such as a file, that its one sentence must name.
    """
    with pytest.raises(UserError) as caught:
        yield caught
    message = str(caught.value)
    assert caught.value.code == code, f"{caught.value.code!r}: {message}"
    assert "\n" not in message
    missing = [thing for thing in named if str(thing) not in message]
    assert not missing, f"{missing} not named in: {message}"
