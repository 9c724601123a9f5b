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
    "optimizer.name": ("adam", "adamw", "sgd", "rmsprop"),
    "schedule.name": ("constant", "cosine", "one_cycle", "inverse_time"),
    "class_weights": ("none", "balanced"),
    "sampling": ("shuffle", "balanced"),
    "loader": ("auto", "streaming", "resident"),
}
# What a stage may hold, with its default; see base_config().stages.
STAGE: dict[str, Any] = {"steps": 0, "patience": 0, "optimizer": {}}
# What may differ when a run is resumed. The number of steps stretches or shrinks the rest of a
# one_cycle or cosine schedule, so that the learning rate may jump there.
RESUMABLE = (
    "num_steps", "eval_every", "log_every", "patience", "partition", "data_dir", "loader",
    "steps_per_dispatch",
)  # fmt: skip


def base_config() -> ConfigDict:
    """Returns a config with every field; see the comments for meaning and units."""
    config = ConfigDict()
    config.seed = 0
    config.task = "single_label"  # or multi_label: sigmoids over the dataset's tags

    config.dataset = "rendered/demo"  # <builder>/<name> as `prepare_data` reports it
    config.data_dir = ""  # the TFDS folder; empty: $TFDS_DATA_DIR or ~/tensorflow_datasets
    config.sample_rate = 22_050  # Hz, of the dataset and the front end; 0: a feature_array
    config.clip_samples = 3 * 22_050  # what the network sees at a time; frames of a feature_array
    config.short_clip = "zero_pad"  # or repeat: how a shorter track is filled
    config.eval_segments = 0  # clips per track in evaluation; 0: the fewest that cover it

    config.frontend = ConfigDict({"name": "log_mel", "kwargs": {}})
    config.input_norm = "batch"  # batch normalisation of every frequency bin, or none
    config.model = ConfigDict({"name": "choi_crnn", "kwargs": {}})
    config.compute_dtype = "float32"  # of the network; front ends are always float32

    config.batch_size = 16  # over all devices
    config.accumulate = 1  # parts that a batch is worked through in, to save memory
    config.num_steps = 1000
    config.sampling = "shuffle"  # every track once per epoch; balanced: classes equally often
    config.class_weights = "none"  # of the loss; balanced: inversely to the training tracks
    config.optimizer = ConfigDict(
        {
            "name": "adamw",  # adam, adamw, sgd (Nesterov's), rmsprop
            "learning_rate": 1e-3,  # the schedule's peak
            "weight_decay": 1e-2,  # adamw: of kernels only, not of biases and norms
            "b1": 0.9,  # adam, adamw
            "b2": 0.999,  # adam, adamw; rmsprop: of the squared gradient
            "eps": 1e-8,  # adam, adamw, rmsprop
            "momentum": 0.9,  # sgd
            "clip_norm": 1.0,  # of the global gradient; 0: off
        }
    )
    config.schedule = ConfigDict(
        {
            "name": "one_cycle",  # constant, cosine, one_cycle, inverse_time
            "warmup_fraction": 0.3,  # of all steps, rising to the peak (constant: none)
            "initial_fraction": 0.04,  # of the peak, at the first step
            "final_fraction": 1e-4,  # of the peak, at the last step
            "decay": 0.0,  # inverse_time: the rate is peak / (1 + decay * step), as Keras's decay
        }
    )
    config.l2 = 0.0  # times the sum of all squared kernels is added to the loss
    config.label_smoothing = 0.0
    config.ema_decay = 0.0  # of averaged weights and statistics, which are then used; 0: off
    # The learning rate is multiplied by `factor` after `patience` evaluations in which
    # config.monitor did not improve by more than `min_delta`; 1: never.
    config.plateau = ConfigDict({"factor": 1.0, "patience": 10, "min_delta": 0.0})
    # Several trainings in a row, each from the best weights so far with a fresh optimizer: dicts
    # of steps (0: no limit), patience (evaluations without improvement; 0: no limit) and optimizer
    # (fields that differ from config.optimizer). Each goes through the whole schedule.
    config.stages = ()
    config.monitor = "accuracy"  # of validation tracks; decides the best checkpoint
    config.patience = 0  # evaluations without improvement before stopping; 0: never

    config.eval_every = 200  # steps; a checkpoint follows every evaluation
    config.log_every = 20  # steps
    config.loader = "auto"  # resident on accelerators where the data fit, else streaming
    config.steps_per_dispatch = 10  # resident: steps between returns to the host, at most
    # Instead of the dataset's own splits: `splits` together are divided into `folds`; number
    # `fold` is the test split, the next one validation. 0: off. `mgr-jax crossval` runs all.
    config.cross_validation = ConfigDict(
        {"folds": 0, "fold": 0, "splits": ("train", "validation", "test")}
    )
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
    for field in (
        "clip_samples", "batch_size", "eval_every", "log_every", "accumulate", "steps_per_dispatch",
        "plateau.patience",
    ):  # fmt: skip
        if _get(config, field) < 1:
            raise UserError(f"config.{field} is {_get(config, field)}; it must be at least 1")
    for field in (
        "seed", "sample_rate", "num_steps", "patience", "eval_segments", "optimizer.clip_norm",
        "l2", "schedule.decay", "plateau.min_delta", "cross_validation.fold",
    ):  # fmt: skip
        if _get(config, field) < 0:
            raise UserError(f"config.{field} is {_get(config, field)}; it must not be negative")
    if config.optimizer.learning_rate <= 0:
        raise UserError("config.optimizer.learning_rate must be positive")
    for field in ("label_smoothing", "schedule.warmup_fraction", "ema_decay"):
        if not 0 <= _get(config, field) < 1:
            raise UserError(f"config.{field} is {_get(config, field)}; it must lie in [0, 1)")
    if config.monitor not in MONITORS[config.task]:
        raise UserError(
            f"config.monitor is {config.monitor}, which a {config.task} task does not have; choose "
            f"{', '.join(MONITORS[config.task])}"
        )
    if config.optimizer.name != "adamw" and config.optimizer.weight_decay:
        raise UserError(
            f"config.optimizer is {config.optimizer.name} with weight_decay "
            f"{config.optimizer.weight_decay}, which only adamw applies; set it to 0, and "
            "config.l2 for a penalty in the loss"
        )
    if not 0 < config.plateau.factor <= 1:
        raise UserError(f"config.plateau.factor is {config.plateau.factor}; it must lie in (0, 1]")
    _validate_folds(config.cross_validation)
    for number, stage in enumerate(config.stages):
        _validate_stage(config, number, stage)
    if "sample_rate" in config.frontend.kwargs:
        raise UserError(
            "config.frontend.kwargs.sample_rate contradicts config.sample_rate; set only the latter"
        )


def _validate_folds(options: ConfigDict) -> None:
    if options.folds and not max(3, options.fold + 1) <= options.folds:
        raise UserError(
            f"config.cross_validation has fold {options.fold} of {options.folds}; there must be at "
            "least 3 folds, which count from 0"
        )
    known = ("train", "validation", "test")
    if not options.splits or set(options.splits) - set(known):
        raise UserError(
            f"config.cross_validation.splits is {options.splits!r}; choose some of {known}"
        )


def _validate_stage(config: ConfigDict, number: int, stage: Any) -> None:
    name = f"config.stages[{number}]"
    if not isinstance(stage, dict | ConfigDict):
        raise UserError(f"{name} is {stage!r}; expected a dict of {', '.join(STAGE)}")
    for field, value in stage.items():
        if field not in STAGE:
            raise unknown_name(f"field of {name}", field, STAGE)
        if field != "optimizer" and (not isinstance(value, int) or value < 0):
            raise UserError(f"{name} has {field} {value!r}; expected a number from 0")
    if number < len(config.stages) - 1 and not (stage.get("steps") or stage.get("patience")):
        raise UserError(f"{name} never ends; give it steps or patience")
    validate(stage_config(config, number))


def stage_config(config: ConfigDict, number: int) -> ConfigDict:
    """The config of one stage as if it were the whole training, without stages.

    Its num_steps are those of the stage where it has a limit. A config without stages is its own
    only stage.
    """
    if not config.stages:
        return config
    stage = STAGE | dict(config.stages[number])
    result = ConfigDict(config.to_dict())
    result.stages = ()
    for field, value in dict(stage["optimizer"]).items():
        if field not in result.optimizer:
            raise unknown_name(
                f"field of config.stages[{number}].optimizer", field, result.optimizer
            )
        result.optimizer[field] = value
    result.num_steps = stage["steps"] or config.num_steps
    result.patience = stage["patience"]
    return result


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
