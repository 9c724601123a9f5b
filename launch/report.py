"""Same as `mgr-jax report`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["report", *sys.argv[1:]]))
