"""Config files: the shipped ones and others, by name or path."""

import ast
import runpy
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

import mgr_jax
from mgr_jax.errors import UserError, unknown_name


def shipped_configs() -> Path:
    """The folder of shipped configs: `configs/` of a checkout, `mgr_jax/_configs` of a wheel."""
    package = Path(mgr_jax.__file__).parent
    return next(
        folder for folder in (package / "_configs", package.parent / "configs") if folder.is_dir()
    )


def list_configs() -> list[str]:
    """Names of the shipped configs, such as rendered/choi_crnn; see `read_config`."""
    folder = shipped_configs()
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.py")
    )


def find_config(name: str | Path) -> Path:
    """Finds a config file by its path, or by its name among the shipped ones.

    Raises:
      UserError: there is neither.
    """
    name = str(name)
    if Path(name).expanduser().is_file():
        return Path(name).expanduser()
    if Path(name).is_absolute() or (name.endswith(".py") and not name.startswith("configs/")):
        raise UserError(f"there is no file {name}; mgr-jax init_config lists the shipped configs")
    plain = name.removeprefix("configs/").removesuffix(".py")
    if plain not in list_configs():
        raise unknown_name("config", name, list_configs())
    return shipped_configs() / f"{plain}.py"


def read_config(name: str | Path) -> ConfigDict:
    """The config that a file describes, ready to be changed and trained.

        config = mgr_jax.read_config("rendered/choi_crnn")
        config.batch_size = 32
        mgr_jax.train(config, "runs/a")

    Args:
      name: of a shipped config, see `list_configs`, or the path of a file.

    Raises:
      UserError: there is neither, or the file cannot be run or makes no config.
    """
    path = find_config(name)
    try:
        config = runpy.run_path(str(path))["get_config"]()
    except Exception as error:  # a config file is a program, and may raise anything
        text = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read: {type(error).__name__}: {text}") from error
    if not isinstance(config, ConfigDict):
        raise UserError(f"{path}: get_config() gives no ConfigDict; start from base_config()")
    return config


def describe_config(name: str | Path) -> str:
    """The docstring of a config file, which is not run; see `find_config`."""
    return ast.get_docstring(ast.parse(find_config(name).read_text(encoding="utf-8"))) or ""


def copy_config(name: str, folder: Path) -> Path:
    """Copies a config file into a folder, to be changed there; returns the path of the copy.

    Raises:
      UserError: there is no such config, or a file of its name is there already.
    """
    source = find_config(name)
    target = folder / source.name
    if target.exists():
        raise UserError(f"{target} exists already; remove it, or choose another folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return target


def drop_settings(
    config: ConfigDict, written: ConfigDict, group: str, overridden: Mapping[str, Any]
) -> None:
    """Drops settings of a front end or model where overrides name another one, with a warning.

    Args:
      config: `config.frontend` or `config.model`, overridden.
      written: the same as the file has it.
      group: "frontend" or "model".
      overridden: the fields that were overridden, as in "model.name"; those of the new one stay.
    """
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
