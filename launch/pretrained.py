"""Same as `mgr-jax pretrained`."""

import sys

from mgr_jax.cli import main

if __name__ == "__main__":
    sys.exit(main(["pretrained", *sys.argv[1:]]))
