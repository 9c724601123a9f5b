"""Same as `mgr-jax audit`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["audit", *sys.argv[1:]]))
