"""Trains a config once per fold and seed of its protocol, and scores what each has not seen."""

import json
from collections.abc import Iterator
from pathlib import Path

import jax
from ml_collections import ConfigDict

from mgr_jax.config import validate
from mgr_jax.data.protocols import LEAKING, is_kfold, require_consent, require_folds
from mgr_jax.evaluation import Predictions, join_predictions, join_repeats
from mgr_jax.training.inference import predict_run
from mgr_jax.training.loop import train
from mgr_jax.training.splits import scored_split


def cross_validate(
    config: ConfigDict, workdir: Path, *, seeds: int = 1, progress: bool = True
) -> Predictions:
    """Runs all folds of config.protocol, or its one fixed split, with every seed.

    Each is a run of its own, `workdir/seed<n>/fold<n>`; those that are there already go on, or are
    only scored. Networks are scored at their best checkpoint by the validation part.

    Args:
      config: see `mgr_jax.config`; protocol.fold is not read, and seeds count from config.seed.
      workdir: of the runs.
      seeds: how many divisions into folds, and initialisations.
      progress: show bars and results.

    Returns:
      The predictions of all scored tracks, one repeat per seed. Their split is "crossval" for
      folds, else the one that the protocol scores.

    Raises:
      UserError: see `train` and `assign_parts`.
    """
    config = ConfigDict(config)
    options = config.protocol
    validate(config)
    require_consent(options.name, options.i_know_this_leaks)
    folds = options.folds if is_kfold(options.name) else 1
    require_folds(options.name, options.folds, 0, options.parts)
    repeats = []
    for seed in range(config.seed, config.seed + seeds):
        config.seed = seed
        tables = []
        for fold in range(folds):
            options.fold = fold
            run = workdir / f"seed{seed}" / (f"fold{fold}" if is_kfold(options.name) else "")
            train(config, run, progress=progress)
            tables.append(predict_run(run, scored_split(run), progress=progress))
            # Compiled programs map memory, of which a process may have only so many stretches.
            jax.clear_caches()
        split = "crossval" if is_kfold(options.name) else tables[0].split
        protocol = tables[0].protocol.replace(f"fold 0 of {folds}", f"all {folds}")
        leaks = options.name in LEAKING  # then several folds hold segments of a track
        repeats.append(join_predictions(tables, split=split, protocol=protocol, by_row=leaks))
    if seeds == 1:
        return repeats[0]
    first = f"seed {config.seed - seeds + 1}"
    protocol = repeats[0].protocol.replace(f", {first}", "")
    return join_repeats(
        repeats, protocol=f"{protocol}, seeds {config.seed - seeds + 1} to {config.seed}"
    )


def fold_runs(workdir: Path) -> Iterator[Path]:
    """The runs that `cross_validate` has left, in order."""
    yield from sorted(path.parent for path in workdir.glob("seed*/**/run.json"))


def record_total(workdir: Path) -> None:
    """Writes run.json of a cross-validation: the parameters of a run, the seconds of all."""
    costs = [json.loads((run / "run.json").read_text()) for run in fold_runs(workdir)]
    total = costs[0] | {"seconds": round(sum(cost["seconds"] for cost in costs), 1)}
    (workdir / "run.json").write_text(json.dumps(total, indent=2) + "\n")
