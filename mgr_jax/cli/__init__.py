"""The command line: `mgr-jax <command>`, and `launch/<command>.py` for each command.

One module per command, with `define_flags(flags)` and `main(flags, args)`; its docstring is its
help. Nothing slow is imported before a command runs, so that every `--help` is quick.
"""

import importlib
import io
import os
import re
import sys
import warnings
from collections.abc import Sequence

from absl import flags as absl_flags

from mgr_jax.cli.xla import set_xla_flags
from mgr_jax.errors import UserError, unknown_name

COMMANDS = {
    "prepare_data": "build a dataset from audio files, or the embedded one",
    "init_config": "copy a shipped config here, to change it",
    "train": "train what a config describes, or go on with it",
    "crossval": "train and score a config fold by fold",
    "evaluate": "score a trained model on a split",
    "predict": "classify audio files and folders",
    "extract_features": "compute the feature tables of GTZAN or FMA from audio",
    "baselines": "score classical models on hand-made features",
    "compare": "put runs side by side, and say which differences are noise",
    "audit": "look for what stands on both sides of a split: tracks, artists, recordings",
    "report": "tables and pictures of a run; or, report frontends, of a song",
    "benchmark": "time front ends beside librosa and PyTorch, and networks",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `mgr-jax <command> …`; returns the exit code (1: cannot be done, 2: bad usage)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print("usage: mgr-jax <command> [flags]\n")
        for name, summary in COMMANDS.items():
            print(f"  {name:<17} {summary}")
        print("\nmgr-jax <command> --help tells its flags.")
        return 0 if arguments else 2
    command, *rest = arguments
    if command not in COMMANDS:
        return _fail(str(unknown_name("command", command, COMMANDS)), 2)
    return run(command, rest)


def run(command: str, argv: Sequence[str] | None = None) -> int:
    """Runs one command with its flags; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    module = importlib.import_module(f"mgr_jax.cli.{command}")
    flags = absl_flags.FlagValues()
    try:
        module.define_flags(flags, arguments)
        if any(argument in ("-h", "--help") for argument in arguments):
            print(f"{(module.__doc__ or '').strip()}\n\nflags:{flags.get_help(prefix='  ')}")
            return 0
        args = flags([command, *arguments])[1:]
        flags.validate_all_flags()
    except absl_flags.Error as error:
        if "as a ConfigDict" in str(error):
            return _fail(
                "a group of config fields needs its fields, one by one or as a dict, as in "
                "--config.optimizer.name=sgd or --config.model.kwargs='{\"dropout\": 0.5}'",
                2,
            )
        text = _without_traceback(str(error).strip()).rstrip(".")
        return _fail(f"{text}; see mgr-jax {command} --help", 2)
    except UserError as error:
        return _fail(str(error), 1)
    except BrokenPipeError:  # the reader of a help text, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # parsing runs the config file, which may raise anything
        config = next((a for a in arguments if a.startswith("--config=")), "--config")
        while error.args and isinstance(error.args[0], Exception):
            error = error.args[0]
        text = " ".join(str(error.args[0] if error.args else error).split())
        group = text.split()[0].strip("'") if isinstance(error, KeyError) and text else ""
        if any(a.startswith(f"--config.{group}.") for a in arguments):
            from mgr_jax.config import base_config

            return _fail(str(unknown_name("config field", group, base_config())), 2)
        return _fail(f"{config} cannot be read: {type(error).__name__}: {text}", 2)
    set_xla_flags()
    _set_up_console()
    try:
        module.main(flags, args)
    except UserError as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # no such folder, no permission, no space
        if error.filename is None:
            raise
        return _fail(f"cannot use {error.filename}: {error.strerror}", 1)
    return 0


def _without_traceback(text: str) -> str:
    """What went wrong in a config file, and in which line of it, without the way there."""
    head, traceback, frames = text.partition("Traceback")
    if not traceback:
        return text
    file = head.partition("--config=")[2].partition(":")[0]
    line = re.findall(rf'File "{re.escape(file)}", line (\d+)', frames)
    reason = re.split(r"\n(?=[\w.]+(?:Error|Exception)\b)", frames)[-1]
    where = f", line {line[-1]}" if line else ""
    return f"{file}{where}: {' '.join(reason.split())}"


def _fail(message: str, code: int) -> int:
    print(f"mgr-jax: {message}", file=sys.stderr)
    return code


def _set_up_console() -> None:
    """Keeps warnings to their one sentence, libraries to errors, and prints any file name."""
    from absl import logging

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    logging.set_verbosity(logging.ERROR)
    logging.use_absl_handler()
    warnings.showwarning = lambda message, *_, **__: print(f"Warning: {message}", file=sys.stderr)
