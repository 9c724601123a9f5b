r"""Make a model from weights of PyTorch, Keras, TensorFlow.

  mgr-jax import_weights --source=won2020_fcn --weights=best_model.pth \
    --out=models/fcn
  mgr-jax predict --model=models/fcn song.mp3
  mgr-jax import_weights --list

The folder is used like any run: with predict, evaluate --folder, embed and teach, or to start a
training with --config.init_from=models/fcn. Widths, layers and number of classes follow from the
file. Missing or superfluous arrays are an error that names them.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "train"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.text("source", None, "Source of the file; --list shows all sources.")
    flags.path("weights", None, "The file of weights.")
    flags.path("out", None, "The model folder to make.")
    flags.text("labels", None, "Names of the outputs: a file, or a known label set.")
    flags.text("reading", None, "How to read the file, if the source has several ways.")
    flags.text("checkpoint", None, "Which checkpoint to take, if the file holds several.")
    flags.switch(
        "list", False, "List the sources; with --source, show its readings and what it ignores."
    )


def main(flags: Flags, args: list[str]) -> None:
    """Imports and prints, or lists."""
    if flags.list:
        say(mgr_jax.format_sources(flags.source))
        if not flags.source:
            say("\n--list --source=NAME shows all of one.")
        return
    flags.require(
        source="what the file is, such as efficientat (--list tells all)",
        weights="the file, such as model.pth",
        out="the folder to make, such as models/mine",
    )
    options = flags.given("labels", "reading", "checkpoint")
    say(mgr_jax.import_weights(flags.source, flags.weights, flags.out, **options))
