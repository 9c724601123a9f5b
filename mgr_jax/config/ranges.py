"""The ranges of the numbers in a config."""

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any

from ml_collections import ConfigDict

from mgr_jax.config.durations import EVALUATION, LARGEST, TRAINING, WARMUP, get_field
from mgr_jax.errors import UserError

# Samples (or frames) of a clip: 101 minutes at 22,050 Hz, half a gigabyte of float32.
LONGEST_CLIP = 2**27
# Samples of a batch: they are counted in int32, and take 8 GiB.
LARGEST_BATCH = LARGEST
# Of audio in Hz: those of `audio.gate.Limits`, which this module, as all of config, imports nothing
# of; a test holds them to be the same.
LOWEST_RATE, HIGHEST_RATE = 1_000, 384_000
_LARGEST_FLOAT = 3.4028235e38  # of float32, in which all is computed
_ENDLESS = ("norm",)  # fields of front ends in which infinity is a value: the largest of a frame

# Conditions on numbers, with the fields that they apply to.
RANGES: tuple[tuple[str, Callable[[float], bool], tuple[str, ...]], ...] = (
    (
        f"from 1 to {LARGEST}",
        lambda value: 1 <= value <= LARGEST,
        ("batch_size", "log_every", "accumulate", "steps_per_dispatch", "plateau.patience"),
    ),
    (
        f"from 0 to {LARGEST}",
        lambda value: 0 <= value <= LARGEST,
        (*TRAINING, *EVALUATION, *WARMUP, "seed", "patience", "protocol.fold"),
    ),
    (
        f"from 1 to {LONGEST_CLIP} samples or frames",
        lambda value: 1 <= value <= LONGEST_CLIP,
        ("clip_samples",),
    ),
    (
        f"0 (features) or a rate from {LOWEST_RATE:,} to {HIGHEST_RATE:,} Hz",
        lambda value: value == 0 or LOWEST_RATE <= value <= HIGHEST_RATE,
        ("sample_rate",),
    ),
    ("from 0 to 10000", lambda value: 0 <= value <= 10_000, ("eval_segments",)),
    ("from 2 to 1000", lambda value: 2 <= value <= 1000, ("protocol.folds",)),
    ("2 or 3", lambda value: value in (2, 3), ("protocol.parts",)),
    (
        "a number of 0 or more",
        lambda value: 0 <= value <= _LARGEST_FLOAT,
        ("optimizer.clip_norm", "optimizer.weight_decay", "l2", "schedule.decay",
         "plateau.min_delta", "classification_weight", "auxiliary_weight"),
    ),
    (
        "positive, and a number of float32",
        lambda value: 0 < value <= _LARGEST_FLOAT,
        ("optimizer.learning_rate",),
    ),
    # What is smaller is 0 in float32, and a gradient of 0 would be divided by it.
    ("from 1e-37 to 1", lambda value: 1e-37 <= value <= 1, ("optimizer.eps",)),
    (
        "in [0, 1)",
        lambda value: 0 <= value < 1,
        ("label_smoothing", "schedule.warmup_fraction", "ema_decay", "optimizer.momentum",
         "optimizer.b1", "optimizer.b2"),
    ),
    (
        "in [0, 1]",
        lambda value: 0 <= value <= 1,
        ("schedule.initial_fraction", "schedule.final_fraction"),
    ),
    ("in (0, 1]", lambda value: 0 < value <= 1, ("plateau.factor",)),
)  # fmt: skip


def require_ranges(config: ConfigDict) -> None:
    """Checks that every number is in its range, and that a batch fits into memory.

    Raises:
      UserError: a number is out of range, or the batch is too large.
    """
    for wanted, fits, fields in RANGES:
        for field in fields:
            if not fits(value := get_field(config, field)):
                raise UserError(
                    f"config.{field} is {value}; it must be {wanted}", code="config.out_of_range"
                )
    samples = config.batch_size * config.clip_samples
    if samples > LARGEST_BATCH:
        raise UserError(
            f"config.batch_size = {config.batch_size} clips of config.clip_samples = "
            f"{config.clip_samples} are a batch of {samples} samples, {samples / 2**28:.3g} GiB; "
            f"give smaller ones: up to {LARGEST_BATCH} samples are possible",
            code="config.out_of_range",
        )


def require_numbers(name: str, value: Any) -> None:
    """Refuses numbers that are not finite, or too large for int32 or float32.

    It looks into lists and dicts. Front ends, models and augmentations check the meaning of their
    numbers themselves when they are built.

    Args:
      name: of the value, for the message.
      value: a number, or a container of numbers.

    Raises:
      UserError: there is such a number.
    """
    if isinstance(value, Mapping | ConfigDict):
        for key, item in value.items():
            require_numbers(f"{name}.{key}", item)
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            require_numbers(f"{name}[{position}]", item)
    elif isinstance(value, numbers.Integral):
        if not -LARGEST <= int(value) <= LARGEST:
            raise UserError(
                f"{name} is {value}; whole numbers may be up to {LARGEST}",
                code="config.out_of_range",
            )
    elif isinstance(value, numbers.Real) and not abs(float(value)) <= _LARGEST_FLOAT:
        if math.isinf(value) and name.rpartition(".")[2] in _ENDLESS:
            return
        raise UserError(
            f"{name} is {value}; give a finite number that float32 can hold",
            code="config.out_of_range",
        )
