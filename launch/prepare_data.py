"""Same as `mgr-jax prepare_data`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["prepare_data", *sys.argv[1:]]))
