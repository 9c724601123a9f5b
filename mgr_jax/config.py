"""The experiment config: every field with its default, validation, JSON.

A config file in `configs/` starts from `base_config()` and changes fields; the command line may
override them (`--config.batch_size=64`). Names with keyword arguments stand for front ends and
models; which names exist is checked where they are built, before anything is compiled.
"""

import json
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from mgr_jax.errors import UserError, unknown_name

MONITORS = {
    "single_label": ("accuracy", "macro_f1", "log_loss"),
    "multi_label": ("roc_auc", "average_precision", "macro_f1", "log_loss"),
}
CHOICES = {
    "task": tuple(MONITORS),
    "short_clip": ("zero_pad", "repeat"),
    "input_norm": ("none", "batch"),
    "compute_dtype": ("float32", "bfloat16"),
    "partition": ("pmap", "jit"),
    "optimizer.name": ("adam", "adamw"),
    "schedule.name": ("constant", "cosine", "one_cycle"),
}
# What may differ when a run is resumed. The number of steps stretches or shrinks the rest of a
# one_cycle or cosine schedule, so that the learning rate may jump there.
RESUMABLE = ("num_steps", "eval_every", "log_every", "patience", "partition", "data_dir")


def base_config() -> ConfigDict:
    """Returns a config with every field; see the comments for meaning and units."""
    config = ConfigDict()
    config.seed = 0
    config.task = "single_label"  # or multi_label: sigmoids over the dataset's tags

    config.dataset = "rendered/demo"  # <builder>/<name> as `prepare_data` reports it
    config.data_dir = ""  # the TFDS folder; empty: $TFDS_DATA_DIR or ~/tensorflow_datasets
    config.sample_rate = 22_050  # Hz, of the dataset and the front end
    config.clip_samples = 3 * 22_050  # what the network sees at a time
    config.short_clip = "zero_pad"  # or repeat: how a shorter track is filled
    config.eval_segments = 0  # clips per track in evaluation; 0: the fewest that cover it

    config.frontend = ConfigDict({"name": "log_mel", "kwargs": {}})
    config.input_norm = "batch"  # batch normalisation of every frequency bin, or none
    config.model = ConfigDict({"name": "choi_crnn", "kwargs": {}})
    config.compute_dtype = "float32"  # of the network; front ends are always float32

    config.batch_size = 16  # over all devices
    config.num_steps = 1000
    config.optimizer = ConfigDict(
        {
            "name": "adamw",  # adam, adamw
            "learning_rate": 1e-3,  # the schedule's peak
            "weight_decay": 1e-2,  # adamw: of kernels only, not of biases and norms
            "b1": 0.9,
            "b2": 0.999,
            "eps": 1e-8,
            "clip_norm": 1.0,  # of the global gradient; 0: off
        }
    )
    config.schedule = ConfigDict(
        {
            "name": "one_cycle",  # constant, cosine, one_cycle
            "warmup_fraction": 0.3,  # of all steps, rising to the peak (constant: none)
            "initial_fraction": 0.04,  # of the peak, at the first step
            "final_fraction": 1e-4,  # of the peak, at the last step
        }
    )
    config.label_smoothing = 0.0
    config.monitor = "accuracy"  # of validation tracks; decides the best checkpoint
    config.patience = 0  # evaluations without improvement before stopping; 0: never

    config.eval_every = 200  # steps; a checkpoint follows every evaluation
    config.log_every = 20  # steps
    config.partition = "pmap"  # or jit: sharded jit over the same devices
    return config


def validate(config: ConfigDict) -> None:
    """Checks a config before anything is built.

    Raises:
      UserError: an unknown field, a wrong type, a value out of range, or a contradiction.
    """
    _compare(config, base_config(), "")
    for field, known in CHOICES.items():
        value = _get(config, field)
        if value not in known:
            raise unknown_name(f"config.{field}", str(value), known)
    for field in ("sample_rate", "clip_samples", "batch_size", "eval_every", "log_every"):
        if config[field] < 1:
            raise UserError(f"config.{field} is {config[field]}; it must be at least 1")
    for field in ("seed", "num_steps", "patience", "eval_segments", "optimizer.clip_norm"):
        if _get(config, field) < 0:
            raise UserError(f"config.{field} is {_get(config, field)}; it must not be negative")
    if config.optimizer.learning_rate <= 0:
        raise UserError("config.optimizer.learning_rate must be positive")
    for field in ("label_smoothing", "schedule.warmup_fraction"):
        if not 0 <= _get(config, field) < 1:
            raise UserError(f"config.{field} is {_get(config, field)}; it must lie in [0, 1)")
    if config.monitor not in MONITORS[config.task]:
        raise UserError(
            f"config.monitor is {config.monitor}, which a {config.task} task does not have; choose "
            f"{', '.join(MONITORS[config.task])}"
        )
    if config.optimizer.name == "adam" and config.optimizer.weight_decay:
        raise UserError(
            "config.optimizer is adam with weight_decay "
            f"{config.optimizer.weight_decay}, which adam does not apply; choose adamw or set "
            "weight_decay to 0"
        )
    if "sample_rate" in config.frontend.kwargs:
        raise UserError(
            "config.frontend.kwargs.sample_rate contradicts config.sample_rate; set only the latter"
        )


def _compare(config: ConfigDict, base: ConfigDict, prefix: str) -> None:
    for field in config:
        name = f"{prefix}{field}"
        if field not in base:
            raise unknown_name("config field", name, [f"{prefix}{known}" for known in base])
        if isinstance(base[field], ConfigDict):
            if not isinstance(config[field], ConfigDict):
                raise UserError(f"config.{name} must be a group of fields, not {config[field]!r}")
            if field != "kwargs":
                _compare(config[field], base[field], f"{name}.")
        else:
            wanted = (int, float) if isinstance(base[field], float) else type(base[field])
            if not isinstance(config[field], wanted) or isinstance(config[field], bool):
                raise UserError(
                    f"config.{name} is {config[field]!r}; expected {type(base[field]).__name__} "
                    f"like {base[field]!r}"
                )
    for field in base:
        if field not in config:
            raise UserError(
                f"config.{prefix}{field} is missing; start config files from base_config()"
            )


def _get(config: ConfigDict, field: str) -> Any:
    for part in field.split("."):
        config = config[part]
    return config


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
        config = from_json(path.read_text())
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is not JSON ({error}); restore it or train again") from error
    validate(config)
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
