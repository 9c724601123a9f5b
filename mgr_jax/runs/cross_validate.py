"""Trains a config once per fold and seed of its protocol, and scores each fold's unseen tracks."""

import dataclasses
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
from ml_collections import ConfigDict

from mgr_jax.config import validate
from mgr_jax.data.parts import is_kfold, require_consent, require_folds
from mgr_jax.data.pipeline import scored_split
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Predictions, Result, join_predictions, join_repeats, save_result
from mgr_jax.evaluation.protocol import LEAKING, repeated
from mgr_jax.files import expand
from mgr_jax.integrity import read_sealed, write_sealed
from mgr_jax.model_folder import read_description
from mgr_jax.training.inference import predict_run
from mgr_jax.training.train import train


def cross_validate(
    config: ConfigDict,
    workdir: str | Path,
    *,
    protocol: str | None = None,
    folds: int | None = None,
    parts: int | None = None,
    seeds: int = 1,
    splits: Sequence[str] | None = None,
    i_know_this_leaks: bool = False,
    aggregation: str = "probabilities",
    progress: bool = True,
) -> Result:
    """Trains and scores a config by cross-validation: one run per fold and seed.

        config = mgr_jax.read_config("choi2016:data=gtzan")
        print(mgr_jax.cross_validate(config, "runs/cv", protocol="artist_kfold", folds=10))

    Every fold is a run of its own, `<workdir>/seed<n>/fold<n>`. The same call resumes after an
    interruption; runs that are trained already are only scored again. Each network is scored at the
    checkpoint that was best on the validation part. The predictions of all folds, with one repeat
    per seed, and their scores are kept in `<workdir>/predictions/`. Their split is called
    "crossval" for folds, else it has the name of the split that the protocol scores.

    Args:
      config: the config to train; see `read_config`. The next five arguments change its `protocol`,
        and None keeps its value; `protocol.fold` is not read. Seeds count from `config.seed`.
      workdir: folder of the runs; made if absent.
      protocol: a name such as "artist_kfold", see `evaluation.Protocol`; None: the config's, or
        "dataset_kfold" if that is "dataset".
      folds: number of folds.
      parts: 3: one fold is scored, the next chooses the checkpoint, the others are trained on; 2:
        the scored fold also chooses the checkpoint, which flatters the score.
      seeds: number of repeats, each with other folds and another initialisation.
      splits: the splits of the dataset whose tracks are divided into folds.
      i_know_this_leaks: consent to a protocol that leaks.
      aggregation: how segments become tracks; see `Predictions.by_track`.
      progress: show bars and results.

    Returns:
      The scores over all folds and seeds.

    Raises:
      UserError: `seeds` is out of range; see also `train` and `assign_parts`.
    """
    config, workdir = ConfigDict(config.to_dict()), expand(workdir).absolute()
    options = config.protocol
    options.name = protocol or ("dataset_kfold" if options.name == "dataset" else options.name)
    given = {"folds": folds, "parts": parts, "splits": tuple(splits) if splits else None}
    options.update({name: value for name, value in given.items() if value is not None})
    options.i_know_this_leaks |= i_know_this_leaks
    if not 1 <= seeds <= 1000:
        raise UserError(
            f"`seeds` is {seeds}; give how often all is done, from 1 to 1000",
            code="argument.out_of_range",
        )
    pooled = train_folds(config, workdir, seeds=seeds, progress=progress)
    runs = [run for _, run in fold_runs(config, workdir, seeds=seeds)]
    _record_total(workdir, runs)
    described = read_description(runs[0])
    return save_result(
        workdir,
        pooled,
        described.training_tracks if config.task == "single_label" else None,
        system=described.system,
        aggregation=aggregation,
    )


def train_folds(
    config: ConfigDict, workdir: Path, *, seeds: int = 1, progress: bool = True
) -> Predictions:
    """Trains all folds of config.protocol, or its one fixed split, with every seed.

    Args:
      config: the config, with its protocol.
      workdir: folder of the runs.
      seeds: number of repeats.
      progress: show bars and results.

    Returns:
      The predictions of all scored tracks, one repeat per seed; see `cross_validate`.
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
        # Compiled programs map memory, and a process may have only so many maps.
        jax.clear_caches()
    repeats = [_join_folds(tables, options) for tables in by_seed.values()]
    if seeds == 1:
        return repeats[0]
    return join_repeats(repeats, protocol=repeated(repeats[0].protocol, sorted(by_seed)))


def fold_runs(
    config: ConfigDict, workdir: Path, *, seeds: int = 1
) -> Iterator[tuple[ConfigDict, Path]]:
    """The config and the work directory of every run of a cross-validation, seed by seed.

    Args:
      config: the config, with its protocol.
      workdir: folder of the runs.
      seeds: number of repeats.
    """
    folds = config.protocol.folds if is_kfold(config.protocol.name) else 1
    for seed in range(config.seed, config.seed + seeds):
        for fold in range(folds):
            run = ConfigDict(config.to_dict())
            run.seed = seed
            run.protocol.fold = fold
            yield run, workdir / f"seed{seed}" / (f"fold{fold}" if folds > 1 else "")


def _join_folds(tables: list[Predictions], options: ConfigDict) -> Predictions:
    if not is_kfold(options.name):
        return tables[0]
    protocol = dataclasses.replace(tables[0].protocol, fold=None)
    leaks = options.name in LEAKING  # then segments of one track are in several folds
    return join_predictions(tables, split="crossval", protocol=protocol, by_row=leaks)


def _record_total(workdir: Path, runs: Sequence[Path]) -> None:
    """Writes run.json of a cross-validation: the parameters of one run, the seconds of all.

    The file is only informative: if that of a run is damaged, none is written.
    """
    try:
        costs = [read_sealed(run / "run.json", "train it again") for run in runs]
        seconds = round(sum(cost["seconds"] for cost in costs), 1)
        write_sealed(workdir / "run.json", costs[0] | {"seconds": seconds})
    except (OSError, UserError, LookupError, TypeError) as error:
        warnings.warn(f"the time of the folds is not known ({error})", stacklevel=3)
