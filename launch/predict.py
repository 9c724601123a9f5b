"""Same as `mgr-jax predict`."""

import sys

from mgr_jax.__main__ import main

if __name__ == "__main__":
    sys.exit(main("predict"))
