"""Compare scored runs, and say which differences are noise.

  mgr-jax compare runs/a runs/b runs/svm --split=test --out=runs/comparison
  mgr-jax compare runs/baselines runs/a --metric=macro_f1 --baseline=runs/a

Reads what `evaluate`, `crossval` and `baselines` stored; a folder of such runs stands for all of
them. Differences are to the best run, or to --baseline, over the tracks that both scored. Runs that
were scored on other tracks or by another protocol are shown, but not compared. --out also writes
compare.md, compare.csv and, with matplotlib, compare.png.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "examine"
ARGUMENTS = "RUN …"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.text("split", "test", "A split that all runs scored.")
    flags.text("metric", None, "accuracy, or average_precision of tags, unless given.")
    flags.path("baseline", None, "Run to compare with; the best one unless given.")
    flags.folder("out", "Folder to write the table to.")
    flags.aggregation(None)


def main(flags: Flags, args: list[str]) -> None:
    """Compares, prints and writes."""
    options = flags.given("split", "metric", "baseline", "aggregation")
    comparison = mgr_jax.compare(args, **options)
    say(comparison)
    if flags.out:
        say(f"Wrote {comparison.save(flags.out)}")
