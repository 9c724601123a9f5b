"""What the library logs and warns of, on the console."""

import io
import logging
import sys
import warnings

from absl import logging as absl_logging
from tqdm import tqdm


class _ConsoleHandler(logging.Handler):
    """Writes what goes on to standard output, warnings to standard error, and around bars."""

    def emit(self, record: logging.LogRecord) -> None:
        warns = record.levelno >= logging.WARNING
        text = self.format(record)
        tqdm.write(f"Warning: {text}" if warns else text, sys.stderr if warns else sys.stdout)


def set_up_console() -> None:
    """Shows what mgr_jax logs, keeps warnings to their one sentence and libraries to errors."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # any file name can be printed
    absl_logging.set_verbosity(absl_logging.ERROR)
    absl_logging.use_absl_handler()
    log = logging.getLogger("mgr_jax")
    log.handlers = [_ConsoleHandler()]
    log.setLevel(logging.INFO)
    log.propagate = False
    warnings.showwarning = lambda message, *_, **__: print(f"Warning: {message}", file=sys.stderr)
