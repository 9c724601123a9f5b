"""Scores classical models on hand-made features: `score_baselines`."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mgr_jax.baselines.classifiers import choose_classifiers
from mgr_jax.baselines.feature_sets import select_columns
from mgr_jax.baselines.jobs import Job, run_jobs
from mgr_jax.baselines.sources import read_examples
from mgr_jax.baselines.summary import BaselineScores
from mgr_jax.data.parts import is_kfold, require_consent, require_folds
from mgr_jax.errors import UserError
from mgr_jax.files import expand, require_folder

log = logging.getLogger(__name__)


def score_baselines(
    dataset: str | None = None,
    *,
    table: str | Path | None = None,
    workdir: str | Path,
    classifiers: str | Sequence[str] = "svm",
    feature_sets: str | Sequence[str] = "all",
    protocol: str = "dataset",
    folds: int = 5,
    parts: int = 2,
    seeds: int = 1,
    split: str = "",
    aggregation: str = "probabilities",
    features: str | None = None,
    seconds: float = 0.0,
    components: int = 256,
    artists: str | Path | None = None,
    tracks: str | Path | None = None,
    subset: str | None = None,
    sample_rate: int = 22_050,
    data_dir: str | Path | None = None,
    i_know_this_leaks: bool = False,
    workers: int | None = None,
    progress: bool = True,
) -> BaselineScores:
    """Fits classical models to hand-made features and scores them like networks.

    Examples: `score_baselines("rendered/demo", sample_rate=12_000, workdir="runs/svm")`, or for the
    published table of GTZAN `score_baselines(table="features_30_sec.csv", protocol=
    "fault_filtered", classifiers="all", seeds=10, workdir="runs/gtzan").markdown()`.

    Every classifier is fitted on every feature set and scored into <workdir>/<feature
    set>/<classifier>. A single one goes directly into <workdir>. `compare` and `report` read both.
    The same call again fits only what is missing.

    Args:
      dataset: a prepared dataset of audio or of arrays, such as gtzan/fault_filtered.
      table: instead of it, a .csv, .parquet or .npz file of features, or FMA's fma_metadata.zip.
      workdir: the folder to write to.
      classifiers: one or more names: svm (settings chosen within the training part, calibrated),
        the thirteen of FMA's paper (`fma`: lr, knn, svc_rbf, svc_poly1, svc_linear, linear_svc, dt,
        rf, ada, mlp1, mlp2, nb, qda), lda, gradient_boosting, lr_c01, svm_rbf_c100, majority;
        `all`.
      feature_sets: one or more names of columns of a table: features such as mfcc or mfcc+zcr; all
        together (`all`); each on its own (`single`); the 18 sets of FMA's table (`fma`).
      protocol: which tracks are for training and which are scored. dataset, official and
        fault_filtered are fixed: they train on the training part and score `split`. With
        stratified_kfold, artist_kfold and row_random, every fold is scored by a model that was
        trained on the others.
      folds: number of folds, for protocols with folds.
      parts: 3 leaves one more fold out of the training, as networks must.
      seeds: repeats; seed 0, 1, … decides folds and classifiers.
      split: the split that a fixed protocol scores; "" is test, or validation if there is no test.
      aggregation: how the segments of a track become one answer: by their mean probability
        ("probabilities"), by "vote", or by averaging their features before fitting ("features").
      features: for audio, mfcc_statistics (default), gtzan57, fma518 (corrected) or
        random_projection (of log-mel spectrograms); for arrays, bin_statistics (default) or
        random_projection.
      seconds: length of the segments of a dataset; 0: whole tracks.
      components: of random_projection.
      artists: a CSV index of artists (track, artist), or GTZAN's index.txt.
      tracks: for a table, FMA's tracks.csv, or the zip or folder that holds it.
      subset: with FMA's tracks: small, medium, large or full.
      sample_rate: of a dataset of audio, in Hz.
      data_dir: the TFDS folder that holds the dataset.
      i_know_this_leaks: consent to row_random, whose scores are too high.
      workers: processes; None: as many as there are cores, if there is much to do.
      progress: show progress bars.

    Returns:
      The scores. Fits that failed are in its `failures`, and in the log as warnings.

    Raises:
      UserError: the arguments do not fit together or do not fit the data, nothing can be fitted, or
        the work directory holds something else.
    """
    if bool(dataset) == bool(table):
        raise UserError(
            "give one of `dataset`, a prepared one, and `table`, a file of features",
            code="argument.choose_one",
        )
    workdir = expand(workdir)
    if (workdir / "config.json").exists():
        raise UserError(
            f"{workdir} holds a trained model; choose another folder for baselines",
            code="folder.holds_model",
        )
    # Refused before anything slow happens.
    least = {"seeds": (seeds, 1), "components": (components, 1), "seconds": (seconds, 0)}
    for argument, (value, smallest) in least.items():
        if not smallest <= value < 2**31:  # nan neither
            raise UserError(
                f"`{argument}` is {value}; give {smallest} or more, and a number that can be",
                code="argument.out_of_range",
            )
    if is_kfold(protocol) and split:
        raise UserError(
            f"`split` belongs to fixed protocols; leave it out, as all folds of {protocol} are "
            "scored",
            code="argument.not_applicable",
        )
    require_consent(protocol, i_know_this_leaks)
    require_folds(protocol, folds, 0, parts)
    names = choose_classifiers(_several(classifiers))
    examples, source = read_examples(
        dataset,
        table=table,
        sample_rate=sample_rate,
        data_dir=data_dir,
        tracks=tracks,
        subset=subset,
        artists=artists,
        features=features,
        seconds=seconds,
        components=components,
        scored=split if protocol == "dataset" else None,
        workers=workers,
        progress=progress,
    )
    sets = select_columns(_several(feature_sets), examples.columns)
    total = len(sets) * len(names)
    _require_room(workdir, total)
    digest = examples.digest()
    options: dict[str, Any] = {
        "protocol": protocol,
        "folds": folds,
        "parts": parts,
        "seeds": seeds,
        "split": split,
        "aggregation": aggregation,
    }

    def jobs() -> Iterator[Job]:
        for feature_set, columns in sets.items():
            chosen = examples.with_columns(columns) if examples.columns else examples
            for name in names:
                title = "SVM" if name == "svm" else name
                yield Job(
                    folder=workdir if total == 1 else workdir / feature_set / name,
                    examples=chosen,
                    feature_set=feature_set,
                    classifier=name,
                    system=f"{title} on {source if feature_set == 'all' else feature_set}",
                    options=options,
                    digest=digest,
                )

    outcome = run_jobs(jobs(), total=total, workers=workers, progress=progress)
    if not outcome.finished:
        raise UserError(next(iter(outcome.failures.values())), code="baselines.all_failed")
    scores = BaselineScores.of(workdir, outcome, sets, names)
    for warning in sorted(scores.warnings):
        log.warning(warning)
    if total > 1:
        scores.save()
    return scores


def _several(names: str | Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else names


def _require_room(workdir: Path, total: int) -> None:
    """Refuses to put one result above the folders of several, which it would hide."""
    single, several = (any(workdir.glob(f"{at}predictions")) for at in ("", "*/*/"))
    if several if total == 1 else single:
        found = "several baselines" if total == 1 else "a single baseline"
        raise UserError(
            f"{workdir} holds {found}, and compare and report find either one or several in a "
            "folder; choose another one, or remove it",
            code="folder.holds_results",
        )
    require_folder(workdir)
