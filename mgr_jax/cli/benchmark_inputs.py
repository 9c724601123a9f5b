"""Try files, folders and tables of every kind.

mgr-jax benchmark inputs                       # in half a minute
mgr-jax benchmark inputs --markdown=inputs.md  # with lame, sox and ffmpeg
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "measure"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.target("markdown", "File for the printed text; needs lame, sox and ffmpeg.")
    flags.target("json", "File for the numbers.")
    flags.switch("progress", True, "Show a bar.")


def main(flags: Flags, args: list[str]) -> None:
    """Tries them, prints a page and writes the files that are asked for."""
    del args
    report = mgr_jax.benchmark_inputs(
        complete=flags["markdown"].value is not None, **flags.given("progress")
    )
    say(report)
    for path in report.save(**flags.given("json", "markdown")):
        say(f"Wrote {path}")
