"""Same as `mgr-jax extract_features`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["extract_features", *sys.argv[1:]]))
