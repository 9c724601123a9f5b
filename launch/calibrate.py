"""Same as `mgr-jax calibrate`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["calibrate", *sys.argv[1:]]))
