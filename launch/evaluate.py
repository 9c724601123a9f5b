"""Same as `mgr-jax evaluate`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
