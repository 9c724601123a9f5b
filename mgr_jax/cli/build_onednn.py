"""Compile oneDNN's convolutions, which are fast on a CPU.

  mgr-jax build_onednn  # after: apt install g++ libdnnl-dev

It takes seconds. The library is kept in the user's cache, and later commands use it if they compute
on one CPU device. Run it again after an update of jax. MGR_JAX_ONEDNN=0 turns it off.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "measure"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags: there are none."""
    del flags


def main(flags: Flags, args: list[str]) -> None:
    """Compiles them and says where they are."""
    del flags, args
    say(mgr_jax.build_onednn())
