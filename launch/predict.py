"""Same as `mgr-jax predict`."""

import sys

from mgr_jax.cli import run

if __name__ == "__main__":
    sys.exit(run("predict"))
