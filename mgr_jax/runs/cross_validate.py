"""Trains a config once per fold and seed of its protocol, and scores what each has not seen."""

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import jax
from ml_collections import ConfigDict

from mgr_jax.config import validate
from mgr_jax.data.parts import is_kfold, require_consent, require_folds
from mgr_jax.data.pipeline import scored_split
from mgr_jax.evaluation import Predictions, join_predictions, join_repeats
from mgr_jax.evaluation.protocol import LEAKING, repeated
from mgr_jax.training.inference import predict_run
from mgr_jax.training.train import train


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
    options = config.protocol
    validate(config)
    require_consent(options.name, options.i_know_this_leaks)
    require_folds(options.name, options.folds, 0, options.parts)
    by_seed: dict[int, list[Predictions]] = {}
    for settings, run in fold_runs(config, workdir, seeds=seeds):
        train(settings, run, progress=progress)
        table = predict_run(run, scored_split(run), progress=progress)
        by_seed.setdefault(settings.seed, []).append(table)
        # Compiled programs map memory, of which a process may have only so many stretches.
        jax.clear_caches()
    repeats = [_join_folds(tables, options) for tables in by_seed.values()]
    if seeds == 1:
        return repeats[0]
    return join_repeats(repeats, protocol=repeated(repeats[0].protocol, sorted(by_seed)))


def _join_folds(tables: list[Predictions], options: ConfigDict) -> Predictions:
    if not is_kfold(options.name):
        return tables[0]
    protocol = dataclasses.replace(tables[0].protocol, fold=None)
    leaks = options.name in LEAKING  # then several folds hold segments of a track
    return join_predictions(tables, split="crossval", protocol=protocol, by_row=leaks)


def fold_runs(
    config: ConfigDict, workdir: Path, *, seeds: int = 1
) -> Iterator[tuple[ConfigDict, Path]]:
    """The config and the work directory of every run of a cross-validation, seed by seed."""
    folds = config.protocol.folds if is_kfold(config.protocol.name) else 1
    for seed in range(config.seed, config.seed + seeds):
        for fold in range(folds):
            run = ConfigDict(config.to_dict())
            run.seed = seed
            run.protocol.fold = fold
            yield run, workdir / f"seed{seed}" / (f"fold{fold}" if folds > 1 else "")


def record_total(workdir: Path, runs: Iterable[Path]) -> None:
    """Writes run.json of a cross-validation: the parameters of a run, the seconds of all."""
    costs = [json.loads((run / "run.json").read_text()) for run in runs]
    total = costs[0] | {"seconds": round(sum(cost["seconds"] for cost in costs), 1)}
    (workdir / "run.json").write_text(json.dumps(total, indent=2) + "\n")
