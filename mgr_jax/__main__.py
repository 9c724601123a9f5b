"""The process of a command: `mgr-jax`, `python -m mgr_jax` and `launch/*.py` begin here."""

import sys

from mgr_jax import huge_pages

# The first words of commands that compute with jax, for longer than a process takes to start again.
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
    """Runs the command of this process.

    Args:
      *words: the first words of the command, before those of the command line.

    Returns:
      The exit code, see `mgr_jax.cli`.
    """
    arguments = [*words, *sys.argv[1:]]
    if arguments and arguments[0] in _COMPUTING and not {"-h", "--help"} & set(arguments):
        huge_pages.restart()
    from mgr_jax import cli  # after the process is the one that stays

    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
