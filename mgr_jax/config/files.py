"""Config files, the shipped ones and others, by name or path, with arguments.

A spec names a file and its arguments, as in ml_collections: "choi2016:model=crnn,data=gtzan".
"""

import ast
import contextlib
import difflib
import os
import runpy
import traceback
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

import mgr_jax
from mgr_jax.config.recipes import Arguments, parse
from mgr_jax.errors import UserError
from mgr_jax.files import write_file


def shipped_configs() -> Path:
    """The folder of shipped configs: `configs/` of a checkout, `mgr_jax/_configs` of a wheel."""
    package = Path(mgr_jax.__file__).parent
    return next(
        folder for folder in (package / "_configs", package.parent / "configs") if folder.is_dir()
    )


def list_configs() -> list[str]:
    """A spec for every network of the shipped configs, such as "choi2016:model=crnn".

    Missing arguments, such as `data`, have their defaults; see `read_config`.
    """
    specs = []
    for name in config_names():
        models = read_arguments(shipped_configs() / f"{name}.py").get("model", ())
        specs += [f"{name}:model={model}" for model in models] or [name]
    return specs


def config_names() -> list[str]:
    """Names of the shipped config files."""
    return sorted(path.stem for path in shipped_configs().glob("*.py"))


def find_config(spec: str | Path) -> tuple[Path, str]:
    """Finds a config file by its path, or by its name among the shipped ones.

    Args:
      spec: name or path, perhaps with arguments.

    Returns:
      The file, and the arguments after the colon; a path may itself contain colons.

    Raises:
      UserError: there is no such file.
    """
    parts = str(spec).split(":")
    for end in range(len(parts), 0, -1):
        path = os.path.expanduser(":".join(parts[:end]))
        if os.path.isfile(path):
            return Path(path), ":".join(parts[end:])
    name, arg = parts[0], ":".join(parts[1:])
    if not name:
        raise UserError(
            "the config's name is empty; mgr-jax init_config lists the shipped ones",
            code="config.no_name",
        )
    plain = name.removeprefix("configs/").removesuffix(".py")
    if plain in config_names():
        return shipped_configs() / f"{plain}.py", arg
    close = [] if Path(name).is_absolute() else _close_specs(plain)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise UserError(
        f"there is no config {name!r}; {hint}mgr-jax init_config lists the shipped ones",
        code="config.unknown",
    )


def locate_config(spec: str) -> str:
    """A spec with the full path of its file, after the spec was read without an error."""
    read_config(spec)
    path, arg = find_config(spec)
    return f"{path}:{arg}" if arg else str(path)


def _close_specs(name: str) -> list[str]:
    """At most three specs that a wrong name may mean: file, network, or "<data>/<network>"."""
    folder, _, last = name.rpartition("/")
    meant: dict[str, list[tuple[bool, str]]] = {}
    for spec in list_configs():
        config, (file, _, model) = read_config(spec), spec.partition(":model=")
        far = folder not in (file, config.dataset.partition("/")[0])
        for word in filter(None, {file, model, config.model.name}):
            meant.setdefault(word, []).append((far, file if word == file else spec))
    words = [last] if last in meant else difflib.get_close_matches(last, meant)
    return list(dict.fromkeys(spec for word in words for _, spec in sorted(meant[word])))[:3]


def read_config(spec: str | Path) -> ConfigDict:
    """The config that a file describes, ready to be changed and trained.

        config = mgr_jax.read_config("choi2016:model=crnn,data=gtzan")
        config.batch_size = 32
        mgr_jax.train(config, "runs/a")

    Args:
      spec: name of a shipped config, see `list_configs`, or path of a file; with arguments.

    Returns:
      The config; its `spec` holds all arguments, also the default ones.

    Raises:
      UserError: there is no such file or argument, or the file fails or returns no config.
    """
    path, arg = find_config(spec)
    module = _run(path)
    if "ARGUMENTS" in module:
        given = parse(arg, module["ARGUMENTS"])
        arg = ",".join(f"{name}={value}" for name, value in given.items())
    with _told(path):
        config = module["get_config"](arg) if arg else module["get_config"]()
    if not isinstance(config, ConfigDict):
        raise UserError(
            f"{path}: get_config() gives no ConfigDict; start from base_config()",
            code="config.no_config",
        )
    name = path.stem if path.parent.samefile(shipped_configs()) else path.name
    config.spec = f"{name}:{arg}" if arg else name
    return config


def read_arguments(path: Path) -> Arguments:
    """The arguments that a config file takes, see `recipes.parse`; empty if it declares none.

    Raises:
      UserError: the file cannot be run.
    """
    return _run(path).get("ARGUMENTS", {})


def _run(path: Path) -> dict[str, Any]:
    with _told(path):
        module = runpy.run_path(str(path))
    if "get_config" not in module:
        raise UserError(
            f"{path} has no function get_config(); give it one that returns a config",
            code="config.no_config",
        )
    return module


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turns an error in a config file (a program) into one sentence with its line number."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        if isinstance(error, SyntaxError):
            lines = [error.lineno]  # None where it is no text
        where = f"{path}, line {lines[-1]}" if any(lines) else str(path)
        text = " ".join(str(error).split())
        raise UserError(
            f"{where}: {type(error).__name__}: {text}", code="config.broken_file"
        ) from error


def describe_config(spec: str | Path) -> str:
    """The docstring of a config file, without running it; see `find_config`."""
    path, _ = find_config(spec)
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def copy_config(spec: str, folder: Path) -> Path:
    """Copies a config file into a folder, where it can be changed.

    Args:
      spec: of the config.
      folder: for the copy.

    Returns:
      The path of the copy.

    Raises:
      UserError: there is no such config, or the folder already has a file of its name.
    """
    source, _ = find_config(spec)
    target = folder / source.name
    if target.exists():
        raise UserError(
            f"{target} exists already; remove it, or choose another folder",
            code="config.copy_exists",
        )
    write_file(target, lambda file: file.write(source.read_bytes()))
    return target


def drop_settings(
    config: ConfigDict, written: ConfigDict, group: str, overridden: Mapping[str, Any]
) -> None:
    """Drops the settings of a front end or model if an override names another one. It warns.

    Args:
      config: `config.frontend` or `config.model`, after the overrides.
      written: the same, as in the file.
      group: "frontend" or "model".
      overridden: the overridden fields, such as "model.name"; settings of the new one stay.
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
