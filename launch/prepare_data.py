"""Same as `mgr-jax prepare_data`."""

import sys

from mgr_jax.__main__ import main

if __name__ == "__main__":
    sys.exit(main("prepare_data"))
