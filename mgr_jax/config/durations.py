"""Durations of a run (training, warm-up, time between evaluations) in steps, epochs or examples.

A config gives each duration in one unit; the fields of the other units are 0. When the dataset is
known, all durations are converted to steps. The run's config.json holds those.
"""

import math
from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import Any

from ml_collections import ConfigDict

from mgr_jax.errors import UserError

UNITS = ("steps", "epochs", "examples")
LARGEST = 2**31 - 1  # of whole numbers in a config, and of steps: arrays count in int32
# The fields that may say each duration. A fraction of all steps stays one.
TRAINING = ("num_steps", "num_epochs", "num_examples")
EVALUATION = ("eval_every", "eval_every_epochs", "eval_every_examples")
WARMUP = ("schedule.warmup_steps", "schedule.warmup_epochs", "schedule.warmup_examples")
_DURATIONS = (TRAINING, EVALUATION, ("schedule.warmup_fraction", *WARMUP))


def resolve(config: ConfigDict, num_examples: int) -> ConfigDict:
    """The config with every duration in steps, which are rounded up and at least 1.

        resolve(config, 443).eval_every  # eval_every_epochs = 1, batch_size = 16: 28

    Only a warm-up given as a fraction stays one. Any other warm-up becomes steps, so a run that is
    made longer keeps its warm-up.

    Args:
      config: a valid config, see `validate`. It is not changed; one in steps is returned as it is.
      num_examples: examples per epoch: the training tracks, whatever `config.sampling` draws of
        them.

    Raises:
      UserError: see `require_durations`; or there are too many epochs to count their steps.
    """

    def in_steps(steps: int, epochs: float, examples: int) -> int:
        # Of the number as it is written: in binary, 0.07 epochs of 100 examples are more than 7.
        total = Fraction(str(epochs)) * num_examples + examples
        found = steps + math.ceil(total / config.batch_size)
        if found > LARGEST:
            raise UserError(
                f"{epochs} epochs of {num_examples} examples are more than {LARGEST} steps of "
                f"config.batch_size = {config.batch_size}; give fewer epochs",
                code="config.out_of_range",
            )
        return found

    resolved = config.copy_and_resolve_references()
    for fields in (TRAINING, EVALUATION, WARMUP):
        found = in_steps(*(get_field(config, field) for field in fields))
        resolved.update_from_flattened_dict(dict(zip(fields, (found, 0.0, 0), strict=True)))
    stages = []
    for stage in map(dict, config.stages):
        length = [stage.pop(unit, 0) for unit in UNITS]
        stages.append(stage | ({"steps": in_steps(*length)} if any(length) else {}))
    resolved.stages = tuple(stages)
    require_durations(resolved)
    return resolved


def clear_others(config: ConfigDict, given: Collection[str]) -> None:
    """Sets the fields of the other units of each given duration to 0.

    So 50 steps, asked for in a config of 40 epochs, are 50 steps.

    Args:
      config: is changed.
      given: names of fields that were set, such as "num_steps" and "schedule.warmup_epochs".
    """
    for fields in _DURATIONS:
        if not set(fields).isdisjoint(given):
            config.update_from_flattened_dict(dict.fromkeys(set(fields).difference(given), 0))


def require_durations(config: ConfigDict) -> None:
    """Checks that each duration is given in one unit, and that they fit together.

    Raises:
      UserError: they do not.
    """
    for fields in _DURATIONS:
        require_one_unit({f"config.{field}": get_field(config, field) for field in fields})
    if not any(get_field(config, field) for field in EVALUATION):
        raise UserError(
            f"config.{', config.'.join(EVALUATION)} are all 0; give one of them",
            code="config.no_evaluation",
        )
    if config.num_epochs or config.num_examples:  # how many steps that is, nobody knows yet
        return
    stages = [stage.get("steps", 0) for stage in config.stages]
    if sum(stages) > config.num_steps:
        raise UserError(
            f"config.stages take {sum(stages)} steps, more than config.num_steps = "
            f"{config.num_steps}; raise the latter, or set config.stages to ()",
            code="config.stages_too_long",
        )
    shortest = min([*filter(None, stages), config.num_steps])
    warms_up = config.schedule.name in ("cosine", "one_cycle")
    if warms_up and 0 < shortest <= config.schedule.warmup_steps:
        raise UserError(
            f"config.schedule.warmup_steps is {config.schedule.warmup_steps}, but a training of "
            f"{shortest} steps ends before that; warm up for less, or train for longer",
            code="config.warmup_too_long",
        )


def require_one_unit(durations: Mapping[str, float]) -> None:
    """Checks that a duration is given in at most one unit.

    Args:
      durations: values by field.

    Raises:
      UserError: more than one is given.
    """
    if len(given := {name: value for name, value in durations.items() if value}) > 1:
        told = " and ".join(f"{name} is {value}" for name, value in given.items())
        raise UserError(
            f"{told}; give one of them, and set the others to 0", code="config.several_units"
        )


def get_field(config: ConfigDict, field: str) -> Any:
    """A field by its name with dots, such as "optimizer.eps"."""
    for part in field.split("."):
        config = config[part]
    return config
