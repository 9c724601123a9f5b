"""Same as `mgr-jax compare`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["compare", *sys.argv[1:]]))
