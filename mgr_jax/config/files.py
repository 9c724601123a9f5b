"""Config files: the shipped ones, and the --config flag."""

import runpy
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import flags as absl_flags
from ml_collections import ConfigDict, config_flags

import mgr_jax
from mgr_jax.config import validate
from mgr_jax.errors import UserError, unknown_name


def shipped_configs() -> Path:
    """The folder of shipped configs: `configs/` of a checkout, `mgr_jax/_configs` of a wheel."""
    package = Path(mgr_jax.__file__).parent
    return next(
        folder for folder in (package / "_configs", package.parent / "configs") if folder.is_dir()
    )


def list_configs() -> list[str]:
    """Names of the shipped configs, such as rendered/choi_crnn."""
    folder = shipped_configs()
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.py")
    )


def find_config(name: str) -> Path:
    """Finds a config file by its path, or by its name among the shipped ones.

    Raises:
      UserError: there is neither.
    """
    if Path(name).is_file():
        return Path(name)
    if Path(name).is_absolute() or (name.endswith(".py") and not name.startswith("configs/")):
        raise UserError(f"there is no file {name}; mgr-jax init_config lists the shipped configs")
    plain = name.removeprefix("configs/").removesuffix(".py")
    if plain not in list_configs():
        raise unknown_name("config", name, list_configs())
    return shipped_configs() / f"{plain}.py"


def read_config(name: str) -> tuple[str, ConfigDict]:
    """The docstring of a config file and the config that it describes; see `find_config`."""
    module = runpy.run_path(str(find_config(name)))
    return module["__doc__"] or "", module["get_config"]()


def define_config_flag(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines --config and the overrides --config.<field> that `argv` holds.

    Raises:
      UserError: a config that is not there or cannot be run, or a field it does not have.
    """
    for position, argument in enumerate(argv):
        flag, equals, value = argument.lstrip("-").partition("=")
        if flag == "config" and argument.startswith("-"):
            if equals:
                argv[position] = f"--config={find_config(value)}"
            elif position + 1 < len(argv):
                argv[position + 1] = str(find_config(argv[position + 1]))
    config_flags.DEFINE_config_file(
        "config",
        None,
        "A config file, or the name of a shipped one (mgr-jax init_config lists them); "
        "--config.FIELD=VALUE overrides a field.",
        flag_values=flags,
        sys_argv=["mgr-jax", *argv],
        # So that arguments of front ends and models can be given which the file does not name;
        # `validate` refuses what is no field, `create_classifier` what is no argument.
        accept_new_attributes=True,
        lock_config=False,
    )


def require_config(flags: absl_flags.FlagValues) -> ConfigDict:
    """Returns the config that was given, checked.

    Where the command line names another front end or model than the file, the file's settings of
    the old one are dropped, with a warning.

    Raises:
      UserError: none was, or it is not a config.
    """
    flag = flags["config"]
    if flag.value is None:
        known = ", ".join(list_configs())
        raise UserError(f"--config is missing; give a file or one of the shipped ones: {known}")
    overridden = config_flags.get_override_values(flag)
    for group in ("frontend", "model"):
        if f"{group}.name" in overridden:
            _, written = read_config(config_flags.get_config_filename(flag))
            _drop_settings(flag.value[group], written[group], group, overridden)
    validate(flag.value)
    return flag.value


def _drop_settings(
    config: ConfigDict, written: ConfigDict, group: str, overridden: Mapping[str, Any]
) -> None:
    """Keeps only the settings that the command line gives, if the name is not that of the file."""
    if config.name == written.name or f"{group}.kwargs" in overridden:  # given as a whole
        return
    given = [name for name in config.kwargs if f"{group}.kwargs.{name}" in overridden]
    dropped = [name for name in config.kwargs if name not in given]
    config.kwargs = {name: config.kwargs[name] for name in given}
    if dropped:
        warnings.warn(
            f"config.{group}.name is {config.name}, so the config's settings of {written.name} are "
            f"dropped: {', '.join(dropped)}",
            stacklevel=2,
        )
