"""List the shipped configs; copy one to change it.

mgr-jax init_config           # their names
mgr-jax init_config --all     # with arguments, and scores measured so far
mgr-jax init_config choi2016  # writes choi2016.py here
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags
from mgr_jax.config.files import copy_config, find_config, locate_config

GROUP = "train"
ARGUMENTS = "[CONFIG …]"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.switch("all", False, "Also list arguments, and scores measured so far.")
    flags.path("out", ".", "Folder to copy the config to.")


def main(flags: Flags, args: list[str]) -> None:
    """Lists the configs, or copies those that are named."""
    if not args:
        say(mgr_jax.format_configs(details=flags.all))
        if not flags.all:
            say("\n--all shows their arguments and scores; mgr-jax init_config NAME copies one.")
    for spec in [locate_config(spec) for spec in args]:  # all are found before one is written
        target, arg = copy_config(spec, flags.out), find_config(spec)[1]
        config = f"{target}:{arg}" if arg else target
        say(f"Wrote {target}; train with: mgr-jax train --config={config} --workdir=runs/NAME")
