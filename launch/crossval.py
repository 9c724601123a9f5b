"""Same as `mgr-jax crossval`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["crossval", *sys.argv[1:]]))
