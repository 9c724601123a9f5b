r"""Train and score a config fold by fold and seed by seed.

  mgr-jax crossval --config=choi2016 --workdir=runs/cv \
    --protocol=artist_kfold --folds=10
  mgr-jax crossval --config=choi2016 --workdir=runs/ff \
    --protocol=fault_filtered --seeds=3

Protocols: dataset, official and fault_filtered are fixed splits; stratified_kfold divides tracks,
artist_kfold artists, dataset_kfold (the default, unless the config names another) as the dataset's
own splits are divided. row_random divides segments regardless of their track: it leaks, needs
--i_know_this_leaks, and its results say so.

With --parts=3 one fold is scored, the next one chooses the checkpoint, and the others are trained
on; with --parts=2 the scored fold also chooses the checkpoint. --splits=train leaves out the
dataset's validation and test tracks, to choose between configs before these are looked at. The same
command again resumes where it stopped. To train one fold, use mgr-jax train
--config.protocol.name=… --config.protocol.fold=….
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "train"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("workdir", None, "Folder of the runs.")
    flags.text("protocol", None, "Unless given the config's, or dataset_kfold for dataset.")
    flags.integer("folds", None, "Number of folds; the config's (5) unless given.", least=1)
    flags.integer("parts", None, "3 (train, validation, test) or 2 (no test).", least=1)
    flags.integer("seeds", 1, "Number of repetitions, each with another seed.", least=1)
    flags.names("splits", None, "Splits whose tracks are divided into folds; all unless given.")
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
