"""Same as `mgr-jax crossval`."""

import sys

from mgr_jax.__main__ import main

if __name__ == "__main__":
    sys.exit(main("crossval"))
