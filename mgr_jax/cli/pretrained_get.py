"""Make a pretrained network ready for use.

  mgr-jax pretrained get musicnn_msd
  mgr-jax pretrained get efficientat_mn04 --weights=mn04_as_mAP_432.pt

mgr-jax pretrained lists the names, and where the files come from. All arrays of a file are checked,
so a name always stands for the same weights.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "train"
ARGUMENTS = "NAME"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("weights", None, "The file, if it was downloaded by hand.")


def main(flags: Flags, args: list[str]) -> None:
    """Makes it ready and says where it is."""
    if len(args) != 1:
        raise mgr_jax.UserError(
            "give the name of one network, as mgr-jax pretrained lists them",
            code="argument.missing",
        )
    say(mgr_jax.get_pretrained(args[0], flags.weights))
