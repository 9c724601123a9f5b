"""Same as `mgr-jax search`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["search", *sys.argv[1:]]))
