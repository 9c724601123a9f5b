"""Time the preparation of a folder of music.

  mgr-jax benchmark prepare                        # 300 synthetic songs
  mgr-jax benchmark prepare --folder=~/music       # genre folders of yours
  mgr-jax benchmark prepare --files=60 --rounds=1  # in half a minute

It compares with audioread, if that and the program ffmpeg are installed. Run it on a quiet machine.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "measure"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("folder", None, "Genre folders of audio files; synthetic songs unless given.")
    flags.integer("files", 300, "Number of synthetic songs.", least=12)
    flags.integer("sample_rate", 22_050, "Stored sample rate, in Hz.", least=1)
    flags.integer("rounds", 5, "Repetitions of each.", least=1)
    flags.target("markdown", "File for the printed text.")
    flags.target("json", "File for the numbers.")
    flags.switch("progress", True, "Show a bar.")


def main(flags: Flags, args: list[str]) -> None:
    """Times them, prints tables and writes the files that are asked for."""
    del args
    options = flags.given("folder", "files", "sample_rate", "rounds", "progress")
    report = mgr_jax.benchmark_prepare(**options)
    say(report)
    for path in report.save(**flags.given("json", "markdown")):
        say(f"Wrote {path}")
