"""Functions that config files share: arguments, short names of datasets, durations, optimizers.

A config file is data, shipped beside the package: it cannot import another one, so it imports this.
"""

import dataclasses
import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from mgr_jax.config.base import DATASETS, base_config
from mgr_jax.config.durations import clear_others
from mgr_jax.errors import UserError, unknown_name
from mgr_jax.files import expand

_SHORT = {full: short for short, full in DATASETS.items()}
_STORED = "feature_array"


@dataclasses.dataclass(frozen=True)
class Data:
    """The argument `data`: any dataset of audio, or of stored features.

    Attributes:
      default: the dataset if none is given.
      stored: whether the dataset holds stored features, tables or arrays, instead of audio.
    """

    default: str
    stored: bool = False

    def check(self, name: str) -> str:
        """The short name of a dataset, or <builder>/<name> if it has none.

        Args:
          name: as a user gives it.

        Raises:
          UserError: it is neither, it is a path, or the dataset is of the other kind.
        """
        if name.startswith(("~", "/", ".")) and not _is_prepared(name):
            kind, source = (
                ("feature_array", "features") if self.stored else ("audio_folder", "manual_dir")
            )
            raise UserError(
                f"data={name} is a path; prepare it first (mgr-jax prepare_data, or "
                f"mgr_jax.prepare({kind!r}, {source}={name!r}, name='music')), then give "
                f"data={kind}/music",
                code="config.data_is_path",
            )
        full = DATASETS.get(name, name)
        fitting = [short for short in DATASETS if self.fits(DATASETS[short])]
        builder, slash, rest = full.partition("/")
        if not (builder and slash and rest) and not _is_prepared(name):
            raise UserError(
                f"{unknown_name('data', name, fitting)} (or <builder>/<name> as prepare_data "
                "reports it, such as audio_folder/my_music)",
                code="config.unknown_data",
            )
        if not self.fits(full):
            kind = "stored features (feature_array)" if self.stored else "audio"
            raise UserError(
                f"this config is for {kind}, which data={name} does not hold; choose "
                f"{', '.join(fitting)} or another dataset of that kind",
                code="config.wrong_data",
            )
        return _SHORT.get(full, full)

    def fits(self, dataset: str) -> bool:
        """Whether a dataset, as <builder>/<name>, is of this kind."""
        named = Path(dataset).parts if _is_prepared(dataset) else dataset.split("/")[:1]
        return (_STORED in named) == self.stored


def _is_prepared(path: str) -> bool:
    """Whether a text is the path of a prepared dataset, with or without its rate and version."""
    folder = expand(path)
    if not (folder.is_absolute() or path.startswith(".")) or not folder.name:
        return False
    below = ("dataset_info.json", "*/dataset_info.json")
    beside = folder.parent.glob(f"{glob.escape(folder.name)}_*/*/dataset_info.json")
    return any(next(folder.glob(pattern), None) for pattern in below) or any(beside)


# The arguments of a config file by name, with their values (an iterable, of which the first is the
# default) or `Data`.
Arguments = Mapping[str, Any]


def parse(arg: str, arguments: Arguments) -> dict[str, str]:
    """Reads the arguments of a config file, such as "model=crnn,data=fma_small".

    Args:
      arg: names with values, in any order; missing ones have their defaults.
      arguments: the arguments that the file takes.

    Returns:
      The value of every argument, in the order of `arguments`.

    Raises:
      UserError: an argument or a value is unknown, or an argument is given twice.
    """
    given: dict[str, str] = {}
    for part in filter(None, arg.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            raise UserError(
                f"{part!r} is no argument of a config; give name=value, of "
                f"{', '.join(arguments) or 'which this one has none'}",
                code="config.bad_argument",
            )
        if name not in arguments:
            raise unknown_name("argument of this config", name, arguments)
        if name in given:
            raise UserError(
                f"the config's argument {name} is given twice; leave one of them out",
                code="config.repeated_argument",
            )
        given[name] = value
    return {name: _value(name, given.get(name), known) for name, known in arguments.items()}


def _value(name: str, value: str | None, known: Any) -> str:
    if isinstance(known, Data):
        return known.check(known.default if value is None else value)
    if not (known := list(known)):
        raise UserError(
            f"the config's argument {name} has no values; give it some in ARGUMENTS of the file",
            code="config.no_values",
        )
    if value is None:
        return known[0]
    if value not in known:
        raise unknown_name(name, value, known)
    return value


def start(arg: str, arguments: Arguments) -> tuple[ConfigDict, dict[str, str]]:
    """The beginning of every config file.

        config, given = recipes.start(arg, ARGUMENTS)

    Args:
      arg: see `parse`.
      arguments: see `parse`.

    Returns:
      base_config() on the dataset that the argument `data` names, and all arguments, see `parse`.
    """
    given = parse(arg, arguments)
    config = base_config()
    config.dataset = DATASETS.get(given["data"], given["data"])
    return config, given


def change(config: ConfigDict, fields: Mapping[str, Any] | None = None, **more: Any) -> None:
    """Sets fields of a config. Groups of fields are dicts.

        recipes.change(config, num_epochs=200, eval_every_epochs=1)

    A duration that is set in one unit becomes 0 in the others.

    Args:
      config: is changed.
      fields: values by field.
      **more: the same, as keywords.
    """
    fields = {**(fields or {}), **more}
    config.update(fields)
    schedule = (f"schedule.{field}" for field in fields.get("schedule", ()))
    clear_others(config, {*fields, *schedule})


def constant_rate(
    config: ConfigDict, optimizer: str, learning_rate: float, **fields: float
) -> None:
    """Sets an optimizer as in most papers: no schedule, no weight decay, no clipping.

    Args:
      config: is changed.
      optimizer: its name.
      learning_rate: at all steps.
      **fields: further fields of `config.optimizer`.
    """
    config.optimizer.update(
        name=optimizer, learning_rate=learning_rate, weight_decay=0.0, clip_norm=0.0, **fields
    )
    config.schedule.name = "constant"


def falling_sgd(config: ConfigDict, patience: int) -> None:
    """Sets the recipe of the SampleCNNs: SGD at a rate that falls to a fifth four times.

    github.com/jongpillee/sampleCNN (Lee et al. 2017) and github.com/tae-jun/resemul (Kim et al.
    2018), batch included.

    Args:
      config: is changed.
      patience: evaluations without a smaller validation loss before the rate falls.
    """
    config.batch_size = 23
    constant_rate(config, "sgd", 0.01)
    config.schedule.update(name="inverse_time", decay=1e-6)
    config.stages = tuple(
        {"patience": patience, "optimizer": {"learning_rate": rate}}
        for rate in (0.01, 0.002, 0.0004, 0.00008, 0.000016)
    )
    config.monitor = "log_loss"
