"""The flags of a command: absl's, with a line for each, and configs with overrides."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import flags as absl_flags
from ml_collections import ConfigDict, config_flags

import mgr_jax
from mgr_jax.config import clear_others, files, validate
from mgr_jax.config.durations import LARGEST
from mgr_jax.config.files import drop_settings
from mgr_jax.errors import UserError
from mgr_jax.files import expand, require_folder, require_writable

# evaluation.AGGREGATIONS, which is not imported for --help.
_AGGREGATIONS = ("probabilities", "features", "vote")

_CONFIGS = """\
  --config=demo                                a shipped config
  --config=choi2016:model=k2c2,data=fma_small  with arguments; data: any dataset
  --config=mine.py --config.batch_size=32      a file of yours, a field changed
mgr-jax init_config lists the shipped ones, and copies one to be changed."""


class _PathParser(absl_flags.ArgumentParser):
    """A path, in which ~ is the home folder also behind an equals sign."""

    def __init__(self, require: Callable[[Path], None] | None = None) -> None:
        self._require = require

    def parse(self, argument: Any) -> Path:
        path = expand(argument)
        if self._require:
            self._require(path)
        return path

    def flag_type(self) -> str:
        return "path"


class _LimitsParser(absl_flags.ArgumentParser):
    """Limits by name, as in max_hours=48,max_rate=1000000."""

    def parse(self, argument: Any) -> Any:
        return mgr_jax.Limits.parse(argument)

    def flag_type(self) -> str:
        return "limits"


class _FiniteParser(absl_flags.FloatParser):
    """A number that is finite; absl takes "nan" for one that is within any bounds."""

    def is_outside_bounds(self, val: float) -> bool:
        return not math.isfinite(val) or super().is_outside_bounds(val)


class Flags(absl_flags.FlagValues):
    """The flags of one command. A default of None means: not given."""

    def __init__(self, argv: Sequence[str] = ()) -> None:
        """Stores the arguments of the command line, which say what a config file may be given."""
        super().__init__()
        self.__dict__["argv"] = list(argv)
        self.__dict__["groups"] = {0: "flags"}

    def group(self, title: str) -> None:
        """Puts the flags that are defined from here on under a title of the help."""
        self.__dict__["groups"][len(self)] = title

    def titles(self) -> dict[str, str]:
        """Under which title of the help each flag stands."""
        titles, title = {}, ""
        for number, name in enumerate(self):
            title = self.__dict__["groups"].get(number, title)
            titles[name] = title
        return titles

    def text(self, name: str, default: str | None, help: str) -> None:
        """Defines a flag for a text.

        Args:
          name: name of the flag.
          default: its default; None: not given.
          help: its line in the help.
        """
        absl_flags.DEFINE_string(name, default, help, flag_values=self)

    def path(self, name: str, default: str | None, help: str) -> None:
        """Defines a flag for a path; ~ is the home folder.

        Args:
          name: name of the flag.
          default: its default; None: not given.
          help: its line in the help.
        """
        self._path(name, default, help, _PathParser())

    def target(self, name: str, help: str) -> None:
        """Defines a flag for a file to write; an unwritable one is a UserError before the work."""
        self._path(name, None, help, _PathParser(require_writable))

    def folder(self, name: str, help: str) -> None:
        """Defines a flag for a folder to write to, which is made before the work."""
        self._path(name, None, help, _PathParser(require_folder))

    def _path(self, name: str, default: str | None, help: str, parser: _PathParser) -> None:
        absl_flags.DEFINE(parser, name, default, help, self, absl_flags.ArgumentSerializer())

    def integer(self, name: str, default: int | None, help: str, least: int | None = None) -> None:
        """Defines a flag for a whole number.

        Args:
          name: name of the flag.
          default: its default; None: not given.
          help: its line in the help.
          least: smallest value.
        """
        absl_flags.DEFINE_integer(
            name, default, help, lower_bound=least, upper_bound=LARGEST, flag_values=self
        )

    def number(
        self, name: str, default: float | None, help: str, least: float | None = None
    ) -> None:
        """Defines a flag for a finite number.

        Args:
          name: name of the flag.
          default: its default; None: not given.
          help: its line in the help.
          least: smallest value.
        """
        parser = _FiniteParser(lower_bound=least)
        absl_flags.DEFINE(parser, name, default, help, self, absl_flags.ArgumentSerializer())

    def switch(self, name: str, default: bool | None, help: str) -> None:
        """Defines a flag that is on (--name) or off (--noname).

        Args:
          name: name of the flag.
          default: its default; None: not given.
          help: its line in the help.
        """
        absl_flags.DEFINE_bool(name, default, help, flag_values=self)

    def names(self, name: str, default: list[str] | None, help: str) -> None:
        """Defines a flag for several texts, separated by commas.

        Args:
          name: name of the flag.
          default: its default; None: not given.
          help: its line in the help.
        """
        absl_flags.DEFINE_list(name, default, help, flag_values=self)

    def choice(self, name: str, default: str | None, choices: Sequence[str], help: str) -> None:
        """Defines a flag for one of several texts.

        Args:
          name: name of the flag.
          default: its default; None: not given.
          choices: the texts.
          help: its line in the help.
        """
        absl_flags.DEFINE_enum(name, default, choices, help, flag_values=self)

    def aggregation(self, default: str | None) -> None:
        """Defines --aggregation; without a default it is that of each run's evaluation."""
        how = "How segments become tracks: mean probability, mean of last-layer inputs, vote"
        how += "." if default else "; as each run was evaluated, unless given."
        self.choice("aggregation", default, _AGGREGATIONS, how)

    def limits(self) -> None:
        """Defines --limits, which audio files are refused."""
        told = "What files may be, such as max_hours=48,min_rate=500; also max_rate, max_expansion."
        serializer: Any = absl_flags.ArgumentSerializer()
        absl_flags.DEFINE(_LimitsParser(), "limits", None, told, self, serializer)

    def config(self) -> None:
        """Defines --config and the overrides --config.<field> on the command line.

        Raises:
          UserError: the config does not exist or cannot be run, or has no such field.
        """
        argv = self.__dict__["argv"]
        for position, argument in enumerate(argv):
            flag, equals, value = argument.lstrip("-").partition("=")
            if flag == "config" and argument.startswith("-"):
                if equals:
                    argv[position] = f"--config={files.locate_config(value)}"
                elif position + 1 < len(argv):
                    argv[position + 1] = files.locate_config(argv[position + 1])
        config_flags.DEFINE_config_file(
            "config",
            None,
            "A config file, or the name of a shipped one (mgr-jax init_config lists them), with "
            "arguments as in choi2016:model=k2c2,data=gtzan; --config.FIELD=VALUE sets a field.",
            flag_values=self,
            sys_argv=["mgr-jax", *argv],
            # So that arguments of front ends and models can be given which the file does not name;
            # `validate` refuses what is no field, `create_classifier` what is no argument.
            accept_new_attributes=True,
            lock_config=False,
        )

    def require(self, **hints: str) -> None:
        """Checks that some flags were given; reports the first that was not.

        As in `flags.require(workdir="the folder of the run, such as runs/a")`.

        Args:
          **hints: by flag, a description of its value.

        Raises:
          UserError: one was not given.
        """
        for name, hint in hints.items():
            if self[name].value is None:
                raise UserError(f"give --{name}, {hint}", code="argument.missing")

    def require_config(self) -> ConfigDict:
        """Checks and returns the config that was given.

        If the command line names another front end or model than the file, the file's settings of
        the old one are dropped, with a warning.

        Returns:
          The config.

        Raises:
          UserError: none was given, or it is not a config.
        """
        flag = self["config"]
        if flag.value is None:
            error = UserError(
                "--config is missing; it says what to train, on which data and how:",
                code="argument.missing",
            )
            error.add_note(_CONFIGS)
            raise error
        written = files.read_config(config_flags.get_config_filename(flag))
        flag.value.spec = written.spec
        overridden = config_flags.get_override_values(flag)
        clear_others(flag.value, overridden)
        for group in ("frontend", "model"):
            if f"{group}.name" in overridden:
                drop_settings(flag.value[group], written[group], group, overridden)
        validate(flag.value)
        return flag.value

    def given(self, *names: str) -> dict[str, Any]:
        """The values of some flags, as keyword arguments of the same names."""
        return {name: self[name].value for name in names}
