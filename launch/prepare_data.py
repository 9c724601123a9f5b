"""Same as `mgr-jax prepare_data`."""

import sys

from mgr_jax.cli import run

if __name__ == "__main__":
    sys.exit(run("prepare_data"))
