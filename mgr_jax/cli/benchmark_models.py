"""Time networks, and count their parameters.

mgr-jax benchmark models won2020:model=fcn demo  # those of some configs
mgr-jax benchmark models --notimes               # all, in a minute
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "measure"
ARGUMENTS = "[CONFIG …]"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.integer("clips", 4, "Clips per batch.", least=1)
    flags.switch("times", True, "Measure clips per second.")
    flags.path("measured", None, "The --json of an earlier run, to take the speeds from.")
    flags.target("markdown", "File for the printed text.")
    flags.target("json", "File for the numbers.")
    flags.switch("progress", True, "Show a bar.")


def main(flags: Flags, args: list[str]) -> None:
    """Times them, prints a table and writes the files that are asked for."""
    report = mgr_jax.benchmark_models(args, **flags.given("clips", "times", "measured", "progress"))
    say(report)
    for path in report.save(**flags.given("json", "markdown")):
        say(f"Wrote {path}")
