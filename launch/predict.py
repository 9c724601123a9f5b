"""Same as `mgr-jax predict`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["predict", *sys.argv[1:]]))
