r"""Train and score a config fold by fold and seed by seed.

  mgr-jax crossval --config=choi2016 --workdir=runs/cv \
    --protocol=artist_kfold --folds=10
  mgr-jax crossval --config=choi2016 --workdir=runs/ff \
    --protocol=fault_filtered --seeds=3

Protocols: dataset, official and fault_filtered are fixed splits. stratified_kfold makes folds of
tracks, artist_kfold of artists. dataset_kfold, the default unless the config names another, keeps
apart what the dataset's own splits keep apart. row_random makes folds of segments, whatever their
track: it leaks, needs --i_know_this_leaks, and its results say so.

With --parts=3 one fold is scored, the next one chooses the checkpoint, and the others are trained
on. With --parts=2 the scored fold chooses it. --splits=train leaves the dataset's validation and
test tracks alone, so that you can choose between configs before you look at those. The same command
again goes on where it stopped. `mgr-jax train --config.protocol.name=… --config.protocol.fold=…`
trains one fold by itself.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "train"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("workdir", None, "Folder of the runs.")
    flags.text("protocol", None, "The config's; dataset_kfold where that is dataset.")
    flags.integer("folds", None, "How many; the config's, which is 5.", least=1)
    flags.integer("parts", None, "3 (train, validation, test) or 2 (no test).", least=1)
    flags.integer("seeds", 1, "How often all folds are run, each time with another seed.", least=1)
    flags.names("splits", None, "Splits whose tracks are divided into folds; the config's: all.")
    flags.switch("i_know_this_leaks", False, "Consent to a protocol that leaks.")
    flags.aggregation("probabilities")
    flags.switch("progress", True, "Show bars and results.")
    flags.config()


def main(flags: Flags, args: list[str]) -> None:
    """Trains and scores every fold, then all of them together."""
    config = flags.require_config()
    flags.require(workdir="the folder to keep the runs in, such as runs/cv")
    how = flags.given("protocol", "folds", "parts", "seeds", "splits", "i_know_this_leaks")
    shown = flags.given("aggregation", "progress")
    result = mgr_jax.cross_validate(config, flags.workdir, **how, **shown)
    say(f"{result}\nNext: mgr-jax report --model={flags.workdir} --split={result.split}")
