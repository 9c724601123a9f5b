"""Configs as JSON, and how two of them differ."""

import json
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from mgr_jax.config.checks import validate
from mgr_jax.errors import UserError

# What may differ when a run is resumed. The number of steps stretches or shrinks the rest of a
# one_cycle or cosine schedule, so that the learning rate may jump there.
RESUMABLE = (
    "num_steps", "eval_every", "log_every", "patience", "partition", "data_dir", "loader",
    "steps_per_dispatch",
)  # fmt: skip


def to_json(config: ConfigDict) -> str:
    """Writes a config as JSON text."""
    return json.dumps(config.to_dict(), indent=2) + "\n"


def from_json(text: str) -> ConfigDict:
    """Reads a config back; sequences become tuples, as config files write them."""

    def tuples(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: tuples(item) for name, item in value.items()}
        return tuple(map(tuples, value)) if isinstance(value, list) else value

    return ConfigDict(tuples(json.loads(text)))


def load_config(path: Path) -> ConfigDict:
    """Reads the config.json of a run and validates it.

    Raises:
      UserError: there is no such file, or it is not a config of this version.
    """
    if not path.is_file():
        raise UserError(f"{path.parent} holds no trained model (there is no {path.name} in it)")
    try:
        config = from_json(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is not JSON ({error}); restore it or train again") from error
    try:
        validate(config)
    except UserError as error:
        raise UserError(
            f"{path} is not a config of this version of mgr_jax ({error}); train again"
        ) from error
    return config


def differences(old: ConfigDict, new: ConfigDict, prefix: str = "") -> list[tuple[str, Any, Any]]:
    """Lists the fields in which two configs differ, as (field, old, new)."""
    found = []
    for field in sorted({*old, *new}):
        a, b = old.get(field), new.get(field)
        if isinstance(a, ConfigDict) and isinstance(b, ConfigDict):
            found += differences(a, b, f"{prefix}{field}.")
        elif a != b:
            found.append((prefix + field, a, b))
    return found
