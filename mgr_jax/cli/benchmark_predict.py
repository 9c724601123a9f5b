"""Time the prediction of many files.

  mgr-jax benchmark predict --model=runs/demo  # 1,000 synthetic songs
  mgr-jax benchmark predict --model=runs/demo --files=100 --rounds=1

It compares with PyTorch, if that is installed (pip install 'mgr-jax[bench]'). Run it on a quiet
machine.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "measure"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("model", None, "Folder of a run, or the name of a pretrained network.")
    flags.path("folder", None, "Audio files; synthetic songs unless given.")
    flags.integer("files", 1000, "Number of synthetic songs.", least=1)
    flags.integer("rounds", 3, "Repetitions of each.", least=1)
    flags.target("markdown", "File for the printed text.")
    flags.target("json", "File for the numbers.")
    flags.switch("progress", True, "Show a bar.")


def main(flags: Flags, args: list[str]) -> None:
    """Times them, prints tables and writes the files that are asked for."""
    del args
    flags.require(model="the folder of a trained run, such as runs/demo")
    options = flags.given("folder", "files", "rounds", "progress")
    report = mgr_jax.benchmark_predict(flags.model, **options)
    say(report)
    for path in report.save(**flags.given("json", "markdown")):
        say(f"Wrote {path}")
