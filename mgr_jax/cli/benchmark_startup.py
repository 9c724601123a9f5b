"""Time how commands start and networks compile.

  mgr-jax benchmark startup --model=runs/demo             # in a minute
  mgr-jax benchmark startup --model=runs/demo --networks  # in an hour
  mgr-jax benchmark startup --model=runs/demo torchvision:model=densenet121

It compares the prediction of one file with a script of librosa and PyTorch, if they are installed:
pip install 'mgr-jax[bench]'. Run it on a quiet machine.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "measure"
ARGUMENTS = "[CONFIG …]"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("model", None, "Folder of a run, or the name of a pretrained network.")
    flags.path("file", None, "Audio file to predict; synthetic music unless given.")
    flags.switch("networks", False, "Time all networks, or those of CONFIGs, to the first step.")
    flags.integer("rounds", 5, "Repetitions of each command.", least=1)
    flags.target("markdown", "File for the printed text.")
    flags.target("json", "File for the numbers.")
    flags.switch("progress", True, "Show a bar.")


def main(flags: Flags, args: list[str]) -> None:
    """Times them, prints tables and writes the files that are asked for."""
    flags.require(model="the folder of a trained run, such as runs/demo")
    options = flags.given("file", "rounds", "progress")
    if args or flags.networks:
        options["networks"] = args
    report = mgr_jax.benchmark_startup(flags.model, **options)
    say(report)
    for path in report.save(**flags.given("json", "markdown")):
        say(f"Wrote {path}")
