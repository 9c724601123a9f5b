"""Same as `mgr-jax benchmark`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["benchmark", *sys.argv[1:]]))
