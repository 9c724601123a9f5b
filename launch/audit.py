"""Same as `mgr-jax audit`."""

import sys

from mgr_jax.cli import run

if __name__ == "__main__":
    sys.exit(run("audit"))
