"""Time training steps beside PyTorch.

  mgr-jax benchmark train                         # five networks
  mgr-jax benchmark train short_chunk --rounds=5  # or those you name

It compares with PyTorch, if that is installed (pip install 'mgr-jax[bench]'). Run it on a quiet
machine.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "measure"
ARGUMENTS = "[NETWORK …]"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.integer("batch", None, "Clips per batch; unless given 16 on a CPU, else 64.", least=1)
    flags.integer("rounds", 7, "Repetitions of each.", least=1)
    flags.switch("compiled", False, "Also time PyTorch's networks with torch.compile.")
    flags.target("markdown", "File for the printed text.")
    flags.target("json", "File for the numbers.")
    flags.switch("progress", True, "Show bars.")


def main(flags: Flags, args: list[str]) -> None:
    """Times them, prints tables and writes the files that are asked for."""
    report = mgr_jax.benchmark_train(args, **flags.given("batch", "rounds", "compiled", "progress"))
    say(report)
    for path in report.save(**flags.given("json", "markdown")):
        say(f"Wrote {path}")
