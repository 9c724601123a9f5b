"""The list of datasets: every folder here with a `dataset.py` is one.

A dataset called `toy` is a folder `mgr_jax/data/toy/` with

  dataset.py              DATASET, a `Dataset`: its source and its options
  toy_dataset_builder.py  Builder, a `mgr_jax.data.track_builder.TrackBuilder`
  README.md, TAGS.txt, CITATIONS.bib   texts for TFDS

and nothing else: its name, its variants, the messages and the flags of `mgr-jax prepare_data`
follow from these. `dataset.py` is read often, and imports nothing slow; the builder is imported
when the dataset is prepared.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mgr_jax.data
from mgr_jax.errors import UserError
from mgr_jax.files import expand

_TOO_LARGE = 2**31  # any number of values of an option


@dataclass(frozen=True)
class Option:
    """An option of a dataset.

    Attributes:
      name: name of the argument of `mgr_jax.prepare`, and of the field of the builder's config.
      type: str, int, float, bool or Path; for a tuple, the type of its items.
      default: the default value.
      help: its meaning.
      asked: whether the command line requires it, because a default could go unnoticed.
      in_name: what a value adds to the name of the dataset if no name is given; {} is the value.
    """

    name: str
    type: type
    default: Any
    help: str
    asked: bool = False
    in_name: str = ""

    def read(self, value: Any) -> Any:
        """Converts a value for the builder: to the right type, a list to a tuple, ~ expanded.

        Args:
          value: the value that the user gave.

        Returns:
          The converted value.

        Raises:
          UserError: it cannot be converted.
        """
        many = isinstance(self.default, tuple)
        try:
            if not many:
                return self._read_one(value)
            values = tuple(map(self._read_one, [value] if isinstance(value, str) else value))
        except (TypeError, ValueError, OverflowError) as error:
            what = {int: "whole number", float: "number", Path: "path"}.get(self.type, "text")
            raise UserError(
                f"`{self.name}` is {value!r}; give {f'a list of {what}s' if many else f'a {what}'}",
                code="argument.wrong_type",
            ) from error
        if self.default and len(values) != len(self.default):
            raise UserError(
                f"`{self.name}` is {', '.join(map(str, values)) or 'empty'}; give "
                f"{len(self.default)} values, such as {', '.join(map(str, self.default))}",
                code="argument.wrong_length",
            )
        return values

    @property
    def shown_default(self) -> str:
        """The default as text; empty if there is none, or if it is not used."""
        if self.asked or self.default in (None, ()):
            return ""
        many = isinstance(self.default, tuple)
        return ",".join(map(str, self.default)) if many else str(self.default)

    def _read_one(self, value: Any) -> Any:
        if self.type is bool and not isinstance(value, bool):
            raise ValueError("neither True nor False")
        read = expand(Path(value)) if self.type is Path else self.type(value)
        if self.type is int and not isinstance(value, str) and read != value:
            raise ValueError("a part would be lost")
        if isinstance(read, int | float) and not abs(read) < _TOO_LARGE:  # nor nan
            raise ValueError("no number that anything could have")
        return read


def _uses_all(variant: str, chosen: Mapping[str, Any]) -> Sequence[str]:
    del variant, chosen
    return ()


@dataclass(frozen=True)
class Dataset:
    """A dataset that can be prepared.

    Attributes:
      name: name of its folder.
      variants: if not empty, `name/variant` is prepared.
      default_variant: the variant of the bare name; empty if none.
      source: the option with its source, such as the folder of the audio; None if it has none.
      options: its other options.
      waveforms: whether it stores audio, at a sample rate, or features.
      idle: names the options that have no effect, given the variant and the other options.
      tables: module of its folder that reads feature tables of its own format, a
        `mgr_jax.data.feature_files.TableFormat`; empty if it has none.
    """

    name: str
    variants: tuple[str, ...] = ()
    default_variant: str = ""
    source: Option | None = None
    options: tuple[Option, ...] = ()
    waveforms: bool = True
    idle: Callable[[str, Mapping[str, Any]], Sequence[str]] = field(default=_uses_all, repr=False)
    tables: str = ""

    def all_options(self) -> tuple[Option, ...]:
        """The source and the other options."""
        return (*([self.source] if self.source else []), *self.options)

    def load(self, module: str) -> Any:
        """Imports a module of the dataset's folder."""
        return importlib.import_module(f"mgr_jax.data.{self.name}.{module}")

    def builder(self) -> Any:
        """Imports the class of its TFDS builder."""
        return self.load(f"{self.name}_dataset_builder").Builder


# Options of several datasets.
NAME = Option("name", str, None, "what to call the dataset")
ARTISTS = Option(
    "artists", Path, None, "an index of artists: a CSV file with the columns track and artist"
)
FRACTIONS = Option(
    "fractions",
    float,
    (0.7, 0.15, 0.15),
    "shares of train, validation and test, if the splits are not published",
)
SEED = Option("seed", int, 0, "seed of the splits")
RATE = Option("sample_rate", int, 22_050, "sample rate of the audio, in Hz")


def find_datasets() -> dict[str, Dataset]:
    """All datasets by name."""
    found = {}
    for folder in mgr_jax.data.__path__:
        for path in Path(folder).glob("*/dataset.py"):
            name = path.parent.name
            found[name] = importlib.import_module(f"mgr_jax.data.{name}.dataset").DATASET
    return dict(sorted(found.items()))


def list_datasets() -> list[str]:
    """Names of the datasets that can be prepared, with their variants.

        print(mgr_jax.list_datasets())   # ['audio_folder', 'feature_array', 'fma/full', …]

    A dataset with variants is listed once per variant.
    """
    return sorted(
        f"{dataset.name}/{variant}" if variant else dataset.name
        for dataset in find_datasets().values()
        for variant in dataset.variants or ("",)
    )


def list_options() -> dict[Option, str]:
    """All options of all datasets, with their meaning by dataset."""
    options: dict[str, Option] = {}
    meanings: dict[str, dict[str, list[str]]] = {}
    for dataset in find_datasets().values():
        for option in dataset.all_options():
            options[option.name] = option
            told = meanings.setdefault(option.name, {})
            told.setdefault(option.help, []).append(dataset.name)
    return {
        option: "; ".join(f"{', '.join(names)}: {told}" for told, names in meanings[name].items())
        for name, option in options.items()
    }


def needed_options(dataset: str) -> dict[str, str]:
    """The options that a dataset requires, by name, with their meaning.

    They are its source, and those that are `asked`. Empty if there is no such dataset.
    """
    record = find_datasets().get(dataset.partition("/")[0])
    options = record.all_options() if record else ()
    return {o.name: o.help for o in options if o.asked or (record and o is record.source)}
