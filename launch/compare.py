"""Same as `mgr-jax compare`."""

import sys

from mgr_jax.cli import run

if __name__ == "__main__":
    sys.exit(run("compare"))
