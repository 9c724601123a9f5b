"""Versions of a config, and the meaning of fields that an older version lacks."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from mgr_jax.errors import UserError, unknown_name

Migration = Mapping[str, Any] | Callable[[dict[str, Any]], None]

# MIGRATIONS[n] converts a config of version n to version n + 1. If you change fields, append
# one, and changes none that was released. A mapping names fields that were added ("optimizer.b3",
# or a group as a whole) with what the program did before they existed, whatever their default is. A
# function changes a config in place where more has changed: a name, a unit, a default among the
# kwargs of a front end or model, which a config does not write out.
MIGRATIONS: tuple[Migration, ...] = (
    {},  # Version 0 (0.1.0, commit 3e496c9) has the fields of version 1, but for `version` itself.
    {
        "spec": "",
        "mask_filling": False,
        "num_epochs": 0.0,
        "num_examples": 0,
        "eval_every_epochs": 0.0,
        "eval_every_examples": 0,
        "schedule.warmup_steps": 0,
        "schedule.warmup_epochs": 0.0,
        "schedule.warmup_examples": 0,
    },
    {"not_finite": "stop"},
)


def current_version() -> int:
    """The version of the configs that this program makes."""
    return len(MIGRATIONS)


def upgrade(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Converts a config of any version to the current version.

    Args:
      fields: of the config, as nested dicts; without `version` it is version 0.

    Returns:
      All its fields. Fields that the old version lacks have the meaning of that version.

    Raises:
      UserError: the version is invalid or later than the current one, or a field is newer than the
        version.
    """
    version = fields.get("version", 0)
    if type(version) is not int or version < 0:
        raise UserError(
            f"config.version is {version!r}; it must be a number of 0 or more",
            code="config.version",
        )
    if version > current_version():
        raise UserError(
            f"config.version is {version}, but this mgr_jax knows those up to "
            f"{current_version()}; use the mgr_jax that wrote it, or a later one",
            code="config.later_version",
        )
    upgraded = copy.deepcopy(dict(fields))
    for number, migration in enumerate(MIGRATIONS[version:], start=version):
        if isinstance(migration, Mapping):
            _add(upgraded, migration, number)
        else:
            try:
                migration(upgraded)
            except (AttributeError, LookupError, TypeError) as error:
                raise UserError(
                    f"it is no whole config of version {number} ({type(error).__name__}: {error})",
                    code="config.incomplete",
                ) from error
    return upgraded | {"version": current_version()}


def added_fields() -> dict[str, Any]:
    """Every field that was added since version 0, with the behaviour before it existed."""
    added: dict[str, Any] = {}
    for migration in MIGRATIONS:
        added |= migration if isinstance(migration, Mapping) else {}
    return added


def _add(fields: dict[str, Any], added: Mapping[str, Any], version: int) -> None:
    for name, meant in added.items():
        *groups, last = name.split(".")
        group = fields
        for part in groups:
            group = group.setdefault(part, {})
            if not isinstance(group, dict):
                raise UserError(
                    f"config.{name} has no place: {part} is {group!r}, not a group",
                    code="config.wrong_type",
                )
        if last in group:
            known = [".".join((*groups, field)) for field in group if field != last]
            raise unknown_name(f"config field of version {version}", name, known)
        group[last] = copy.deepcopy(meant)
