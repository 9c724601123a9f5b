"""Time the loaders of training beside PyTorch's.

  mgr-jax benchmark loaders --json=loaders.json
  mgr-jax benchmark loaders --tracks=20 --rounds=2   # in half a minute

PyTorch is compared if it is installed: pip install 'mgr-jax[bench]'. Run it on a quiet machine.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "measure"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.number("seconds", 3.0, "Length of a crop.")
    flags.integer("tracks", 200, "How many of 30 s are made.", least=1)
    flags.integer("batch", 64, "Crops at a time.", least=1)
    flags.integer("rounds", 10, "Turns of each loader.", least=1)
    flags.target("markdown", "File for the printed text.")
    flags.target("json", "File for the numbers.")
    flags.switch("progress", True, "Show bars.")


def main(flags: Flags, args: list[str]) -> None:
    """Times them, prints tables and writes the files that are asked for."""
    del args
    options = flags.given("seconds", "tracks", "batch", "rounds", "progress")
    report = mgr_jax.benchmark_loaders(**options)
    say(report)
    for path in report.save(**flags.given("json", "markdown")):
        say(f"Wrote {path}")
