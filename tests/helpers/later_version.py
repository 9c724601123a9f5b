"""A program whose configs are of a later version."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from mgr_jax.config import base_config, checks, store, versions


def make_later_version(
    monkeypatch, migration: versions.Migration, defaults: Mapping[str, Any]
) -> ConfigDict:
    """Makes the program one version later, until the test ends.

    Args:
      monkeypatch: of the test.
      migration: from the current version.
      defaults: new fields of `base_config()`, with their values.

    Returns:
      What its `base_config()` gives.
    """

    def later() -> ConfigDict:
        config = base_config()
        with config.unlocked():
            config.update_from_flattened_dict(defaults)
        return config

    monkeypatch.setattr(versions, "MIGRATIONS", (*versions.MIGRATIONS, migration))
    for module in (checks, store):
        monkeypatch.setattr(module, "base_config", later)
    return later()
