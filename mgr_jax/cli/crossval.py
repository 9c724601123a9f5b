"""Cross-validates a config: trains it once per fold, and scores every track as a test track.

  mgr-jax crossval --config=gtzan/choi_crnn --workdir=runs/cv --folds=10
  mgr-jax crossval --config=gtzan/choi_crnn --workdir=runs/cv --splits=train

Folds are stratified, and disjoint as the dataset's own splits are (by artist, say; known artists
also where published lists go by track). In each run one fold is scored, the next one chooses the
checkpoint and the others are trained on. `--splits=train`
leaves the dataset's validation and test tracks alone, to choose between configs before they are
looked at. The same command again goes on where it stopped; a fold by itself is
`mgr-jax train --config.cross_validation.folds=… --config.cross_validation.fold=…`.
"""

from pathlib import Path

from absl import flags as absl_flags

from mgr_jax.cli.config_files import define_config_flag, require_config
from mgr_jax.errors import UserError


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    absl_flags.DEFINE_string(
        "workdir", None, "Folder of the runs, one per fold.", flag_values=flags
    )
    absl_flags.DEFINE_integer(
        "folds", None, "How many; the config's, else 5.", lower_bound=3, flag_values=flags
    )
    absl_flags.DEFINE_list(
        "splits",
        None,
        "Splits of the dataset whose tracks are divided into folds; the config's, which are all.",
        flag_values=flags,
    )
    absl_flags.DEFINE_bool("progress", True, "Show bars and results.", flag_values=flags)
    define_config_flag(flags, argv)


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Trains and scores every fold, then all of them together."""
    config = require_config(flags)
    if args or not flags.workdir:
        raise UserError("crossval takes --workdir, such as runs/cv, and no arguments but flags")
    import jax
    import numpy as np

    from mgr_jax.cli.results import describe_system, save_result
    from mgr_jax.evaluation import evaluate, join_predictions
    from mgr_jax.training.inference import predict_run
    from mgr_jax.training.loop import train

    workdir = Path(flags.workdir).expanduser()
    options = config.cross_validation
    options.folds = flags.folds or options.folds or 5
    options.splits = tuple(flags.splits or options.splits)
    tables, scores = [], []
    metric = "accuracy" if config.task == "single_label" else "roc_auc"
    for fold in range(options.folds):
        options.fold = fold
        run = workdir / f"fold{fold}"
        train(config, run, progress=flags.progress)
        tables.append(predict_run(run, "test", progress=flags.progress))
        scores.append(evaluate(tables[-1], resamples=1)["track"][metric][0])
        # Compiled programs map memory, of which a process may have only so many stretches.
        jax.clear_caches()
        print(f"fold {fold + 1} of {options.folds}: {metric} {scores[-1]:.3f} (tracks)")
    pooled = join_predictions(
        tables,
        split="crossval",
        protocol=tables[0].protocol.replace("fold 0 of", "all"),
    )
    system = describe_system(config)
    # Every track is trained on in all folds but two, so that they count alike.
    counts = None
    if config.task == "single_label":
        counts = np.bincount(pooled.by_track().label, minlength=len(pooled.classes)).tolist()
    save_result(workdir, pooled, counts, system=system)
    print(
        f"mean over the folds: {metric} {np.mean(scores):.3f}, standard deviation "
        f"{np.std(scores, ddof=1):.3f}\n"
        f"Next: mgr-jax report --model={flags.workdir} --split=crossval"
    )
