"""List the pretrained networks.

  mgr-jax pretrained        # or --all, with scores and sources
  mgr-jax pretrained get musicnn_msd
  mgr-jax predict --model=musicnn_msd song.mp3

A name can replace the folder of a model: in --model, --on, --config.init_from and mgr_jax.load.
docs/pretrained.md says what each network is good for, and what it may have been trained on.
"""

import json

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "train"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.switch("all", False, "Also show scores, sources and what the columns mean.")
    flags.switch("json", False, "Print everything about them as JSON.")


def main(flags: Flags, args: list[str]) -> None:
    """Prints the list."""
    if flags.json:
        print(json.dumps(mgr_jax.describe_pretrained(), indent=2))
    else:
        say(mgr_jax.format_pretrained(details=flags.all))
        if not flags.all:
            say("mgr-jax pretrained --all shows scores and sources.")
