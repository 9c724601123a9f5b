"""Same as `mgr-jax benchmark`."""

import sys

from mgr_jax.cli import run

if __name__ == "__main__":
    sys.exit(run("benchmark"))
