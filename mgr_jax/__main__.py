"""The process of a command: `mgr-jax`, `python -m mgr_jax` and `launch/*.py` begin here."""

import sys

from mgr_jax import huge_pages
from mgr_jax.errors import UserError

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
    try:
        from mgr_jax import cli  # after the process is the one that stays
    except UserError as error:  # this system lacks what every command needs
        print(f"mgr-jax: {error}", file=sys.stderr)
        return 1
    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
