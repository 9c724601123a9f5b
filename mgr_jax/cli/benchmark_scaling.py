"""Time what grows: up to 30,000 clips, up to 4 devices.

  mgr-jax benchmark scaling                          # ten minutes
  mgr-jax benchmark scaling --clips=6000 --rounds=1  # two minutes

It prepares a dataset of one-second clips, trains a tiny network for an epoch, predicts files and
evaluates a split. Run it on a quiet machine.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "measure"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.integer("clips", 30_000, "The most; also a third, a tenth and a thirtieth.", least=1)
    flags.integer("rounds", 3, "Repetitions of short measurements.", least=1)
    flags.target("markdown", "File for the printed text.")
    flags.target("json", "File for the numbers.")
    flags.switch("progress", True, "Show a bar.")


def main(flags: Flags, args: list[str]) -> None:
    """Times it, prints tables and writes the files that are asked for."""
    del args
    report = mgr_jax.benchmark_scaling(**flags.given("clips", "rounds", "progress"))
    say(report)
    for path in report.save(**flags.given("json", "markdown")):
        say(f"Wrote {path}")
