"""The process of a command: `mgr-jax`, `python -m mgr_jax` and `launch/*.py` start here."""

import sys

from mgr_jax import huge_pages

# First words of commands that compute with jax for longer than a process takes to restart.
_COMPUTING = {
    "benchmark",
    "calibrate",
    "crossval",
    "embed",
    "evaluate",
    "predict",
    "teach",
    "train",
}


def main(*words: str) -> int:
    """Runs the command of this process; returns its exit code, see `mgr_jax.cli`.

    Args:
      *words: its first words, before those of the command line.

    Returns:
      The exit code.
    """
    arguments = [*words, *sys.argv[1:]]
    if arguments and arguments[0] in _COMPUTING and not {"-h", "--help"} & set(arguments):
        huge_pages.restart()
    from mgr_jax import cli  # after the restart

    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
