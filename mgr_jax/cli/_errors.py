"""Errors as one sentence: of users, of libraries, and of flags."""

import os
import sys
from collections.abc import Sequence

from absl import flags as absl_flags

from mgr_jax.config import base_config
from mgr_jax.errors import UserError, disk_refusal, printable, unknown_name


def explain(error: Exception) -> str | None:
    """The message for an error of a running command; None: it is a fault of mgr_jax."""
    if isinstance(error, UserError):
        return "\n".join([str(error), *getattr(error, "__notes__", ())])
    if refusal := disk_refusal(error, "what is written, such as the standard output,"):
        return str(refusal)
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        text = " ".join(str(error).split())[:200]
        return (
            f"there is not enough memory ({text}); use smaller batches, shorter clips or fewer "
            "workers, or end other programs"
        )
    if platform := _absent_platform():
        return (
            f"jax has no platform '{platform}' here; set JAX_PLATFORMS=cpu, leave it unset, or "
            "install the extra of that platform (pip install 'mgr-jax[gpu]' or 'mgr-jax[tpu]')"
        )
    if isinstance(error, OSError) and error.filename is not None:  # no such folder, no permission
        return printable(f"cannot use {error.filename}: {error.strerror}")
    return None


def status_of(error: Exception) -> int:
    """The exit code of a command that an error ends; see the package."""
    code = error.code if isinstance(error, UserError) else ""
    return {"training.stopped": 75, "training.interrupted": 130}.get(code, 1)


def explain_usage(error: Exception, command: str, arguments: Sequence[str]) -> str:
    """The message for an error in the flags.

    Args:
      error: the error.
      command: the command as it is typed.
      arguments: its arguments.
    """
    if "is not supported for overriding" in str(error):
        field = str(error).partition("field ")[2].partition(" ")[0]
        group = field.rpartition(".")[0]
        return (
            f"{field} is None in the config, so its type is not known here; set it in a copy "
            f"of the file (mgr-jax init_config), or give all of {group} as a dict"
        )
    if isinstance(error, absl_flags.Error):
        if "as a ConfigDict" in str(error):
            return (
                "a group of config fields needs its fields, one by one or as a dict, as in "
                "--config.optimizer.name=sgd or --config.model.kwargs='{\"dropout\": 0.5}'"
            )
        text = " ".join(str(error).split()).rstrip(".")
        return printable(f"{text}; see {command} --help")
    config = next((a for a in arguments if a.startswith("--config=")), "--config")
    while error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    text = " ".join(str(error.args[0] if error.args else error).split())
    group = text.split()[0].strip("'") if isinstance(error, KeyError) and text else ""
    if any(argument.startswith(f"--config.{group}.") for argument in arguments):
        return str(unknown_name("config field", group, base_config()))
    return printable(f"{config} cannot be read: {type(error).__name__}: {text}")


def _absent_platform() -> str:
    """The platform of JAX_PLATFORMS, if jax cannot start it; else empty."""
    wanted = os.environ.get("JAX_PLATFORMS", "")
    if not wanted or "jax" not in sys.modules:
        return ""
    try:
        sys.modules["jax"].devices()
    except Exception:  # which one depends on the platform: RuntimeError, or a bare AssertionError
        return wanted
    return ""
