"""Same as `mgr-jax train`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
