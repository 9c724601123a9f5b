"""Same as `mgr-jax extract_features`."""

import sys

from mgr_jax.__main__ import main

if __name__ == "__main__":
    sys.exit(main("extract_features"))
