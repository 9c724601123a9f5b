"""Time front ends beside librosa, PyTorch and others.

  mgr-jax benchmark frontends --json=frontends.json

They are compared if they are installed: pip install 'mgr-jax[bench]'. Run it on a quiet machine.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "measure"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.number("seconds", 30.0, "Length of a clip.")
    flags.integer("clips", 16, "How many at a time.", least=1)
    flags.integer("rounds", 20, "Turns of each library.", least=1)
    flags.integer("devices", None, "That share the clips; half a CPU each, or all GPUs.", least=1)
    flags.names("audio", [], "Audio files to cut clips from; noise and chirps unless given.")
    flags.target("markdown", "File for the printed text.")
    flags.target("json", "File for the numbers.")
    flags.switch("progress", True, "Show bars.")


def main(flags: Flags, args: list[str]) -> None:
    """Times them, prints tables and writes the files that are asked for."""
    options = flags.given("seconds", "clips", "rounds", "devices", "audio", "progress")
    report = mgr_jax.benchmark_frontends(**options)
    say(report)
    for path in report.save(**flags.given("json", "markdown")):
        say(f"Wrote {path}")
