"""Measure how well a timeline finds changes of genre.

  mgr-jax benchmark timeline --model=runs/a --markdown=timeline.md

It splices tracks of the run's own dataset, chooses settings on validation tracks, and measures them
on test tracks. It takes a minute or two.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "measure"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("model", None, "Folder of a run that predicts one genre of audio.")
    flags.path("data_dir", None, "The TFDS folder, if it has moved since the training.")
    flags.target("markdown", "File for the printed text.")
    flags.target("json", "File for the numbers.")
    flags.switch("progress", True, "Show bars.")


def main(flags: Flags, args: list[str]) -> None:
    """Measures it, prints a page and writes the files that are asked for."""
    del args
    flags.require(model="the folder of a trained run, such as runs/a")
    report = mgr_jax.benchmark_timeline(flags.model, **flags.given("data_dir", "progress"))
    say(report)
    for path in report.save(**flags.given("json", "markdown")):
        say(f"Wrote {path}")
