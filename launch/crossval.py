"""Same as `mgr-jax crossval`."""

import sys

from mgr_jax.cli import run

if __name__ == "__main__":
    sys.exit(run("crossval"))
