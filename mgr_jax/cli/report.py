"""Write a report of an evaluated run: scores and pictures.

  mgr-jax report --model=runs/a --compare=runs/svm,runs/b

It draws what evaluate and baselines stored, and computes no predictions. It writes to report/ in
the folder of the run, or to report/<split>/.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "examine"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("model", None, "Folder of the run.")
    flags.text("split", "test", "An evaluated split.")
    flags.names("compare", [], "Other evaluated runs, or folders of such runs.")
    flags.aggregation(None)


def main(flags: Flags, args: list[str]) -> None:
    """Writes the report and prints its summary."""
    flags.require(model="the folder of an evaluated run, such as runs/a")
    say(mgr_jax.write_report(flags.model, **flags.given("split", "compare", "aggregation")))
