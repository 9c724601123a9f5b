"""Same as `mgr-jax baselines`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["baselines", *sys.argv[1:]]))
