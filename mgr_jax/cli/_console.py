"""Shows what the library logs and warns of on the console."""

import contextlib
import io
import logging
import shutil
import sys
import textwrap
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from absl import logging as absl_logging
from tqdm import tqdm

from mgr_jax.errors import printable

_NARROWEST = 20  # columns, into which text is wrapped


class _ConsoleHandler(logging.Handler):
    """Writes progress to standard output, warnings to standard error, and both around bars."""

    told_as_errors = False

    def emit(self, record: logging.LogRecord) -> None:
        warns = record.levelno >= logging.WARNING
        text = printable(self.format(record))
        file = sys.stderr if warns or self.told_as_errors else sys.stdout
        tqdm.write(_fit(f"Warning: {text}" if warns else text, file), file)


def leave_output_to_results(wanted: bool) -> None:
    """Sends progress to standard error if `wanted`: then standard output is for a program."""
    for handler in logging.getLogger("mgr_jax").handlers:
        if isinstance(handler, _ConsoleHandler):
            handler.told_as_errors = wanted


def say(*told: object, file: Any = None, wrap: bool = True) -> None:
    """Prints at once, for readers of a pipe, and around bars.

    Lines that are too long for a terminal are broken between words.

    Args:
      *told: what to print, one after the other.
      file: where to; None: standard output.
      wrap: break long lines on a terminal.
    """
    for text in map(str, told):
        tqdm.write(_fit(text, file or sys.stdout) if wrap else text, file or sys.stdout)
    (file or sys.stdout).flush()


@contextlib.contextmanager
def console() -> Iterator[None]:
    """Shows what mgr_jax logs and warns of, in a sentence each.

    Libraries are silenced: an error that ends a command is raised in its own thread too, and shown
    once, while Orbax, TensorStore and asyncio would fill screens with it from all their threads.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # so that any file name can be printed
    absl_logging.set_verbosity(absl_logging.FATAL)
    hooks = sys.excepthook, threading.excepthook
    sys.excepthook = threading.excepthook = _say_nothing
    # Permanently, like the next one: some fail again when Python exits.
    sys.unraisablehook = _say_nothing
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    log, handler = logging.getLogger("mgr_jax"), _ConsoleHandler()
    level, propagate = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            yield
    finally:  # a program that calls main() gets its settings back
        sys.excepthook, threading.excepthook = hooks
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate


def _fit(text: str, file: Any) -> str:
    if not file.isatty():
        return text
    width = max(shutil.get_terminal_size().columns - 1, _NARROWEST)
    lines = []
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        how: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
        broken = textwrap.wrap(line, width, subsequent_indent=indent, **how)
        lines += broken if len(line) > width else [line]
    return "\n".join(lines)


def _say_nothing(*_: Any) -> None:
    pass


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    say(f"Warning: {printable(str(message))}", file=sys.stderr)
