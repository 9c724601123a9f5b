"""Copy a shipped config here, to be changed; without a name, list them all.

mgr-jax init_config rendered/choi_crnn
"""

from mgr_jax.cli._flags import Flags
from mgr_jax.config.files import copy_config, describe_config, list_configs

ARGUMENTS = "[CONFIG …]"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("out", ".", "Folder to copy it to.")


def main(flags: Flags, args: list[str]) -> None:
    """Copies the configs that are named."""
    if not args:
        for name in list_configs():
            print(f"  {name:<32} {describe_config(name).partition(chr(10))[0]}")
    for name in args:
        target = copy_config(name, flags.out)
        print(f"Wrote {target}; train with: mgr-jax train --config={target} --workdir=runs/NAME")
