"""The command line: `mgr-jax <command>`, and `launch/<command>.py` for some.

A command is a module: `define_flags(flags)`, `main(flags, args)` and a docstring that is its help:
a line for the list of commands, indented examples, and what else there is to say. `GROUP` says
under which title of the list it stands, `ARGUMENTS` what it takes beside flags, if it does.
`mgr-jax audit inflation` is the module audit_inflation. Modules that begin with an underscore are
no commands. Nothing slow is imported before a command runs, so that every `--help` is quick.
"""

import importlib
import os
import pkgutil
import signal
import sys
from collections.abc import Sequence

import mgr_jax
from mgr_jax import program_cache
from mgr_jax.cli import _help
from mgr_jax.cli._console import console
from mgr_jax.cli._errors import explain, explain_usage, status_of
from mgr_jax.cli._flags import Flags
from mgr_jax.cli._xla import set_xla_flags
from mgr_jax.errors import UserError, unknown_name
from mgr_jax.signals import STATUS, Ending


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `mgr-jax <command> …`; returns the exit code, see the package."""
    with Ending(_tell_stop) as ending:
        try:
            status = _main(argv)
        except BaseException:  # also what a library has made of the one that a signal raises
            if not ending.number:
                raise
            status = 1
    if not status or not ending.number:
        return status
    status = _tell_stop(ending.number)
    if "jax" in sys.modules and sys.modules["jax"].distributed.is_initialized():
        os._exit(status)  # else jax waits, minutes long, for processes that know of no stop
    return status


def _main(argv: Sequence[str] | None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help.format_commands(list_commands()))
        return 0 if arguments else 2
    if arguments == ["--version"]:
        print(f"mgr-jax {mgr_jax.__version__}")
        return 0
    commands = list_commands()
    for count in (2, 1):
        if len(arguments) >= count and (command := "_".join(arguments[:count])) in commands:
            return run(command, arguments[count:])
    first, *rest = arguments
    if family := [command for command in commands if command.startswith(f"{first}_")]:
        if not rest or rest[0] in ("-h", "--help"):
            print(_help.format_family(family, commands))
            return 0 if rest else 2
        first = " ".join([first, rest[0]])
    return _fail(str(unknown_name("command", first, map(spell, commands))), 2)


def list_commands() -> list[str]:
    """Names of all commands, which are those of their modules."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in names if not name.startswith("_"))


def spell(command: str) -> str:
    """A command as it is typed: several that begin alike are words of one ("audit inflation")."""
    return _help.spell(command, list_commands())


def run(command: str, argv: Sequence[str]) -> int:
    """Runs one command with its flags; returns the exit code."""
    module = importlib.import_module(f"mgr_jax.cli.{command}")
    arguments, name = list(argv), f"mgr-jax {spell(command)}"
    flags = Flags(arguments)
    try:
        module.define_flags(flags)
        if any(argument in ("-h", "--help") for argument in arguments):
            print(_help.format_help(name, module, flags))
            return 0
        # Parsing a path that ConfigDict's flags rewrote: take the list that they may have changed.
        args = flags([name, *flags.argv])[1:]
        flags.validate_all_flags()
        if args and not hasattr(module, "ARGUMENTS"):
            return _fail(f"{name} takes flags alone, not {args[0]!r}; see {name} --help", 2)
    except UserError as error:
        return _fail(str(error), 1)
    except BrokenPipeError:  # the reader of a help text, `head` say, has seen enough
        _drop_output()
        return 0
    except Exception as error:  # also the config file is run here, which may raise anything
        return _fail(explain_usage(error, name, arguments), 2)
    set_xla_flags()
    try:
        with console():
            program_cache.keep()
            module.main(flags, args)
            sys.stdout.flush()  # here it can be told that there is no room for it
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        _drop_output()
    except Exception as error:
        if (sentence := explain(error)) is None:
            raise
        try:
            sys.stdout.flush()
        except OSError:  # else Python would fail again at its end
            _drop_output()
        return _fail(sentence, status_of(error))
    return 0


def _fail(message: str, code: int) -> int:
    print(f"mgr-jax: {message}", file=sys.stderr)
    return code


def _tell_stop(number: int) -> int:
    how = "interrupted" if number == signal.SIGINT else "stopped by SIGTERM"
    return _fail(f"{how}; the same command resumes, or starts again", STATUS[number])


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
