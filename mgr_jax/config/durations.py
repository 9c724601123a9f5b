"""How long a run trains, warms up and waits between evaluations: steps, epochs or examples.

A config says each duration in one unit, and the fields of the others are 0. When the dataset is
known they are resolved into steps, and the run's config.json holds those.
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
    """The same config with every duration in steps, which are rounded up and at least 1.

        resolve(config, 443).eval_every  # eval_every_epochs = 1, batch_size = 16: 28

    Only a warm-up that is a fraction stays one. Another one becomes steps, so that a run that is
    made longer goes on with the warm-up it had.

    Args:
      config: that `validate` has passed; it stays as it is. One in steps gives itself.
      num_examples: that an epoch is: the training tracks, whatever `config.sampling` draws of them.

    Raises:
      UserError: see `require_durations`; or so many epochs that their steps cannot be counted.
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
    """Sets the other fields of each duration to 0 of which one was given.

    So 50 steps that are asked for of a config of 40 epochs are 50 steps.

    Args:
      config: is changed.
      given: names of fields that were set, such as "num_steps" and "schedule.warmup_epochs".
    """
    for fields in _DURATIONS:
        if not set(fields).isdisjoint(given):
            config.update_from_flattened_dict(dict.fromkeys(set(fields).difference(given), 0))


def require_durations(config: ConfigDict) -> None:
    """Makes sure that durations are said once, and fit into one another as far as can be told.

    Raises:
      UserError: they are not, or do not.
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
    """Makes sure that not more than one of the units of a duration is given, by name."""
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
