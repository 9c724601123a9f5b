"""Same as `mgr-jax listen`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["listen", *sys.argv[1:]]))
