"""Same as `mgr-jax embed`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["embed", *sys.argv[1:]]))
