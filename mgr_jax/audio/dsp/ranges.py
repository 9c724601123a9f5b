"""Settings out of range, in one sentence."""

from typing import Any

from mgr_jax.errors import UserError


def require(holds: bool, name: str, value: Any, expected: str) -> None:
    """Raises a UserError that names a setting and what was expected, unless the condition holds."""
    if not holds:
        raise UserError(f"{name} is {value!r}; {expected}", code="argument.out_of_range")
