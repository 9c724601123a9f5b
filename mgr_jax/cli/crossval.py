"""Trains a config by a protocol, fold by fold and seed by seed, and scores all that is held out.

  mgr-jax crossval --config=gtzan/choi_crnn --workdir=runs/cv --protocol=artist_kfold --folds=10
  mgr-jax crossval --config=gtzan/choi_crnn --workdir=runs/ff --protocol=fault_filtered --seeds=3

Protocols: dataset, official and fault_filtered are fixed splits; stratified_kfold divides tracks,
artist_kfold artists, dataset_kfold (the default, unless the config names another) as the dataset's
own splits are divided. row_random divides segments whatever track they are of: it leaks, needs
--i_know_this_leaks, and its results say so.
Of three parts (--parts=3) one fold is scored, the next one chooses the checkpoint and the others
are trained on; with --parts=2 the scored fold chooses it. --splits=train leaves the dataset's
validation and test tracks alone, to choose between configs before they are looked at. The same
command again goes on where it stopped; one fold by itself is `mgr-jax train
--config.protocol.name=… --config.protocol.fold=…`.
"""

import json
from pathlib import Path

from absl import flags as absl_flags

from mgr_jax.config.files import define_config_flag, require_config
from mgr_jax.errors import UserError
from mgr_jax.runs.scored import define_aggregation_flag


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    for name, default, text in (
        ("workdir", None, "Folder of the runs."),
        ("protocol", None, "The config's; dataset_kfold where that is dataset."),
    ):
        absl_flags.DEFINE_string(name, default, text, flag_values=flags)
    for name, default, text in (
        ("folds", None, "How many; the config's, which is 5."),
        ("parts", None, "3 (train, validation, test) or 2 (no test); the config's, which is 3."),
        ("seeds", 1, "How often all is done, each time with another seed."),
    ):
        absl_flags.DEFINE_integer(name, default, text, lower_bound=1, flag_values=flags)
    absl_flags.DEFINE_list(
        "splits",
        None,
        "Splits of the dataset whose tracks are divided into folds; the config's, which are all.",
        flag_values=flags,
    )
    absl_flags.DEFINE_bool(
        "i_know_this_leaks", False, "Consent to a protocol that leaks.", flag_values=flags
    )
    define_aggregation_flag(flags, "probabilities")
    absl_flags.DEFINE_bool("progress", True, "Show bars and results.", flag_values=flags)
    define_config_flag(flags, argv)


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Trains and scores every fold, then all of them together."""
    config = require_config(flags)
    if args or not flags.workdir:
        raise UserError("crossval takes --workdir, such as runs/cv, and no arguments but flags")
    options = config.protocol
    options.name = flags.protocol or options.name
    if options.name == "dataset" and not flags.protocol:
        options.name = "dataset_kfold"
    for field in ("folds", "parts", "splits"):
        given = getattr(flags, field)
        if given is not None:
            options[field] = tuple(given) if field == "splits" else given
    options.i_know_this_leaks |= flags.i_know_this_leaks

    from mgr_jax.evaluation.results import describe_system, save_result
    from mgr_jax.runs.cross_validate import cross_validate, fold_runs, record_total

    workdir = Path(flags.workdir).expanduser()
    pooled = cross_validate(config, workdir, seeds=flags.seeds, progress=flags.progress)
    runs = [run for _, run in fold_runs(config, workdir, seeds=flags.seeds)]
    record_total(workdir, runs)
    counts = None
    if config.task == "single_label":
        counts = json.loads((runs[0] / "labels.json").read_text())["training_tracks"]
    system = describe_system(config)
    save_result(workdir, pooled, counts, system=system, aggregation=flags.aggregation)
    print(f"Next: mgr-jax report --model={flags.workdir} --split={pooled.split}")
