"""Same as `mgr-jax init_config`."""

import sys

from mgr_jax.cli import run

if __name__ == "__main__":
    sys.exit(run("init_config"))
