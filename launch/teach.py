"""Same as `mgr-jax teach`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["teach", *sys.argv[1:]]))
