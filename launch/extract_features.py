"""Same as `mgr-jax extract_features`."""

import sys

from mgr_jax.cli import run

if __name__ == "__main__":
    sys.exit(run("extract_features"))
