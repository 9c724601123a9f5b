"""Configs as JSON, and the differences between two configs."""

import json
import logging
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from mgr_jax.config.base import base_config
from mgr_jax.config.checks import validate
from mgr_jax.config.versions import added_fields, upgrade
from mgr_jax.errors import UserError
from mgr_jax.integrity import read_sealed, write_sealed

log = logging.getLogger(__name__)

# What may differ when a run is resumed. The number of steps stretches or shrinks the rest of a
# one_cycle or cosine schedule, so that the learning rate may jump there.
RESUMABLE = (
    "spec", "num_steps", "eval_every", "log_every", "patience", "partition", "data_dir", "loader",
    "steps_per_dispatch", "not_finite",
)  # fmt: skip


def to_json(config: ConfigDict) -> str:
    """Writes a config as JSON text."""
    return json.dumps(config.to_dict(), indent=2) + "\n"


def from_json(text: str) -> ConfigDict:
    """Reads a config of any version, and converts it to the current version.

    Sequences become tuples, as in config files. The values are not checked.

    Args:
      text: JSON.

    Returns:
      The config.

    Raises:
      ValueError: it is not JSON.
      UserError: it is no config, or its version is unknown.
    """
    return _from_fields(json.loads(text))


def _from_fields(stored: Any) -> ConfigDict:
    def tuples(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: tuples(item) for name, item in value.items()}
        return tuple(map(tuples, value)) if isinstance(value, list) else value

    fields = tuples(stored)
    if not isinstance(fields, dict):
        raise UserError("it holds no fields", code="config.no_fields")
    return ConfigDict(upgrade(fields))


def save_config(path: Path, config: ConfigDict) -> None:
    """Writes the config.json of a run, for `load_config`."""
    write_sealed(path, config.to_dict())


def load_config(path: Path) -> ConfigDict:
    """Reads the config.json of a run of any version, and validates it.

    Args:
      path: of the file.

    Returns:
      The config in the current version. Fields that the file lacks have the meaning of its version.

    Raises:
      UserError: there is no such file, as in the folder of an imported model; it is damaged; or it
        is no config of this or an earlier version.
    """
    if not path.exists() and path.with_name("model.json").exists():
        raise UserError(
            f"{path.parent} holds a model that was not trained here (there is no {path.name} in "
            "it), so it has no splits of a dataset; what needs none takes files and folders of "
            "audio, and training goes on from it (config.init_from)",
            code="config.no_run",
        )
    if not path.exists():
        raise UserError(
            f"{path.parent} holds no trained model (there is no {path.name} in it)",
            code="config.no_model",
        )
    fields = read_sealed(path, "restore it, or train again in another folder")
    try:
        config = _from_fields(fields)
    except UserError as error:
        raise UserError(f"{path} cannot be read: {error}", code=error.code) from error
    try:
        validate(config)
    except UserError as error:
        raise UserError(f"{path} cannot be used: {error}", code=error.code) from error
    return config


def resumed_config(config: ConfigDict, path: Path) -> ConfigDict:
    """The config with which a run continues, if there is one.

    If a run is older than a field, it continues with the behaviour before this field, unless the
    config sets the field to something other than its default.

    Args:
      config: to continue or begin with.
      path: of the run's config.json; it may not exist.

    Returns:
      A copy of `config`, with the old meaning of such fields.

    Raises:
      UserError: see `load_config`.
    """
    resumed = config.copy_and_resolve_references()
    if not path.exists():
        return resumed
    old, default = load_config(path), base_config()
    for name, meant in added_fields().items():
        *groups, field = name.split(".")
        try:
            began, now, usual = (_at(each, groups)[field] for each in (old, resumed, default))
        except KeyError:  # another version has renamed it
            continue
        if _plain(began) == _plain(meant) and _plain(now) == _plain(usual) != _plain(meant):
            _at(resumed, groups)[field] = began
            log.info(f"config.{name} stays {_plain(meant)!r}, as when the run began")
    return resumed


def _at(config: ConfigDict, groups: list[str]) -> ConfigDict:
    for group in groups:
        config = config[group]
    return config


def _plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, ConfigDict) else value


def differences(old: ConfigDict, new: ConfigDict, prefix: str = "") -> list[tuple[str, Any, Any]]:
    """The fields in which two configs differ, as (field, old, new).

    Args:
      old: a config.
      new: another one.
      prefix: of the names of the fields.
    """
    found = []
    for field in sorted({*old, *new}):
        a, b = old.get(field), new.get(field)
        if isinstance(a, ConfigDict) and isinstance(b, ConfigDict):
            found += differences(a, b, f"{prefix}{field}.")
        elif a != b:
            found.append((prefix + field, a, b))
    return found
