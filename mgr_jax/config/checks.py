"""Checks a config: types, ranges, names, and contradictions."""

from typing import Any

from ml_collections import ConfigDict

from mgr_jax.config.base import DATASETS, base_config
from mgr_jax.config.durations import (
    LARGEST,
    UNITS,
    get_field,
    require_durations,
    require_one_unit,
)
from mgr_jax.config.ranges import require_numbers, require_ranges
from mgr_jax.config.versions import current_version
from mgr_jax.errors import UserError, unknown_name

MONITORS = {
    "single_label": ("accuracy", "macro_f1", "log_loss", "auxiliary_loss"),
    "multi_label": ("roc_auc", "average_precision", "macro_f1", "log_loss", "auxiliary_loss"),
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
    "not_finite": ("stop", "skip"),
}
# What front ends and models are given, and from where.
_DEVICES = {"axis_name": "config.partition", "name": "the program", "parent": "the program"}
SET_ELSEWHERE = {
    "frontend": {"sample_rate": "config.sample_rate"} | _DEVICES,
    "model": {
        "num_classes": "the dataset",
        "dtype": "config.compute_dtype",
        "side": "config.side_inputs",
    }
    | _DEVICES,
}
# What a stage may hold, with its default; see base_config().stages.
STAGE: dict[str, Any] = {"steps": 0, "epochs": 0.0, "examples": 0, "patience": 0, "optimizer": {}}


def validate(config: ConfigDict) -> None:
    """Checks a config before anything is built.

    Raises:
      UserError: there is an unknown field, a wrong type, a value out of range, or a contradiction.
    """
    _compare(config, base_config(), "")
    if config.version != current_version():
        raise UserError(
            f"config.version is {config.version}, but this mgr_jax makes configs of version "
            f"{current_version()}; leave it as base_config() has it",
            code="config.version",
        )
    if config.dataset in DATASETS:
        raise UserError(
            f"config.dataset is {config.dataset}, a short name that only a config's argument data "
            f"takes; give {DATASETS[config.dataset]}",
            code="config.short_dataset",
        )
    for field, known in CHOICES.items():
        value = get_field(config, field)
        if value not in known:
            raise unknown_name(f"config.{field}", str(value), known)
    require_ranges(config)
    if config.monitor not in MONITORS[config.task]:
        raise UserError(
            f"config.monitor is {config.monitor}, which a {config.task} task does not have; choose "
            f"{', '.join(MONITORS[config.task])}",
            code="config.monitor_of_other_task",
        )
    if config.optimizer.name != "adamw" and config.optimizer.weight_decay:
        raise UserError(
            f"config.optimizer is {config.optimizer.name} with weight_decay "
            f"{config.optimizer.weight_decay}, which only adamw applies; set it to 0, and "
            "config.l2 for a penalty in the loss",
            code="config.weight_decay_unused",
        )
    _validate_protocol(config.protocol)
    _validate_side_inputs(config)
    if config.stages:
        _validate_stages(config)
    require_numbers("config", config)
    require_durations(config)
    for group, elsewhere in SET_ELSEWHERE.items():
        for field, where in elsewhere.items():
            if field in config[group].kwargs:
                raise UserError(
                    f"config.{group}.kwargs.{field} cannot be set; it follows from {where}",
                    code="config.set_elsewhere",
                )


def _validate_protocol(options: ConfigDict) -> None:
    known = ("train", "validation", "test")
    splits = options.splits
    if not splits or any(name not in known or splits.count(name) > 1 for name in splits):
        raise UserError(
            f"config.protocol.splits is {splits!r}; choose some of {', '.join(known)}, each once",
            code="config.bad_splits",
        )


def _validate_side_inputs(config: ConfigDict) -> None:
    table, categories = config.side_inputs.table, config.side_inputs.categories
    if config.model.name == "fusion" and not (table or categories):
        raise UserError(
            "config.model is fusion, but config.side_inputs names neither a table nor categories; "
            "name one, or train the encoder as the model",
            code="config.fusion_without_table",
        )
    if config.model.name != "fusion" and (table or categories):
        raise UserError(
            f"config.side_inputs is given, but {config.model.name} takes sound alone; use "
            f"config.model.name=fusion with the encoder {config.model.name}",
            code="config.table_without_fusion",
        )
    wrong = [n for n in categories if not isinstance(n, str) or not n or categories.count(n) > 1]
    if wrong or "table" in categories:
        raise UserError(
            f"config.side_inputs.categories is {categories!r}; give names of columns, such as "
            "('artist',), each once ('table' is taken)",
            code="config.bad_categories",
        )


def _validate_stages(config: ConfigDict) -> None:
    for number, stage in enumerate(config.stages):
        _validate_stage(config, number, stage)
    if config.patience:
        raise UserError(
            f"config.patience is {config.patience}, but each of config.stages has a patience of "
            "its own; set it there, and config.patience to 0",
            code="config.patience_beside_stages",
        )


def _validate_stage(config: ConfigDict, number: int, stage: Any) -> None:
    name = f"config.stages[{number}]"
    if not isinstance(stage, dict | ConfigDict):
        raise UserError(
            f"{name} is {stage!r}; expected a dict of {', '.join(STAGE)}", code="config.bad_stage"
        )
    for field, value in stage.items():
        if field not in STAGE:
            raise unknown_name(f"field of {name}", field, STAGE)
        if field == "optimizer" and not isinstance(value, dict | ConfigDict):
            raise UserError(
                f"{name} has optimizer {value!r}; expected a dict of its fields",
                code="config.bad_stage",
            )
        known = (int, float) if field == "epochs" else (int,)
        if field != "optimizer" and not (type(value) in known and 0 <= value <= LARGEST):
            raise UserError(
                f"{name} has {field} {value!r}; expected a number from 0 to {LARGEST}",
                code="config.bad_stage",
            )
    length = {unit: stage.get(unit, 0) for unit in UNITS}
    require_one_unit({f"{name}.{unit}": value for unit, value in length.items()})
    if number < len(config.stages) - 1 and not (any(length.values()) or stage.get("patience")):
        raise UserError(
            f"{name} never ends; give it steps, epochs, examples or patience",
            code="config.endless_stage",
        )
    try:
        validate(stage_config(config, number))
    except (UserError, TypeError, ValueError) as error:  # the latter two are ml_collections'
        raise UserError(f"{name} cannot be used: {error}", code="config.bad_stage") from error


def stage_config(config: ConfigDict, number: int) -> ConfigDict:
    """The config of one stage, as if it were the whole training.

    Its length is that of the stage if it has a limit, else that of the whole training. A config
    without stages is its own only stage.

    Args:
      config: with stages or without.
      number: of the stage, from 0.

    Raises:
      UserError: the stage's optimizer has a field that `config.optimizer` does not have.
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
    length = {f"num_{unit}": stage[unit] for unit in UNITS}
    if any(length.values()):
        result.update(length)
    result.patience = stage["patience"]
    return result


def _compare(config: ConfigDict, base: ConfigDict, prefix: str) -> None:
    for field in config:
        name = f"{prefix}{field}"
        if field not in base:
            raise unknown_name("config field", name, [f"{prefix}{known}" for known in base])
        if isinstance(base[field], ConfigDict):
            if not isinstance(config[field], ConfigDict):
                raise UserError(
                    f"config.{name} must be a group of fields, not {config[field]!r}",
                    code="config.wrong_type",
                )
            if field != "kwargs":
                _compare(config[field], base[field], f"{name}.")
        else:
            wanted = (int, float) if isinstance(base[field], float) else type(base[field])
            found = config[field]
            if not isinstance(found, wanted) or isinstance(found, bool) != (wanted is bool):
                raise UserError(
                    f"config.{name} is {found!r}; expected {type(base[field]).__name__} "
                    f"like {base[field]!r}",
                    code="config.wrong_type",
                )
    for field in base:
        if field not in config:
            raise UserError(
                f"config.{prefix}{field} is missing; start config files from base_config()",
                code="config.missing_field",
            )
