"""The experiment config: every field with its default, validation, JSON.

A config file in `configs/` takes arguments (`choi2016:model=crnn,data=gtzan`, see `recipes`). It
starts from `base_config()` and changes fields. The command line may override them
(`--config.batch_size=64`). A front end or a model is a name with keyword arguments. The names are
checked when it is built, before anything is compiled.
"""

from mgr_jax.config.base import base_config
from mgr_jax.config.checks import MONITORS, stage_config, validate
from mgr_jax.config.durations import clear_others, resolve
from mgr_jax.config.store import (
    RESUMABLE,
    differences,
    from_json,
    load_config,
    resumed_config,
    save_config,
    to_json,
)

__all__ = [
    "MONITORS",
    "RESUMABLE",
    "base_config",
    "clear_others",
    "differences",
    "from_json",
    "load_config",
    "resolve",
    "resumed_config",
    "save_config",
    "stage_config",
    "to_json",
    "validate",
]
