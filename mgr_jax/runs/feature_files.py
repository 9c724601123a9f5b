"""Files of features for a trained model; evaluation and prediction share them."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mgr_jax.data.cache import digest
from mgr_jax.data.feature_files import FeatureTracks
from mgr_jax.data.splits import SPLITS
from mgr_jax.data.table_rows import match_rows
from mgr_jax.data.trained_on import TrainedOn, read_tracks, trained_on
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Predictions, Protocol
from mgr_jax.input_spec import check_features
from mgr_jax.prediction.predictor import load
from mgr_jax.runs.model_tables import read_for_model

log = logging.getLogger(__name__)


def predict_file(
    file: Path, workdir: Path, *, split: str | None, checkpoint: str | int
) -> Predictions:
    """Classifies the labelled tracks of a file of features; logs which are left out, and why.

    Args:
      file: path of the features, see `read_features`.
      workdir: folder of the run; its dataset is not needed.
      split: "train" or "validation": only the tracks that the run used for that; None: all except
        those that the run, or a run whose weights it began with, was trained on.
      checkpoint: "best", "latest" or a step.

    Returns:
      The predictions of the tracks.

    Raises:
      UserError: no such file or run, features of another form, labels that the model does not
        know, or no track to score.
    """
    if file.stem in SPLITS:
        raise UserError(
            f"the scores of {file} would replace those of the {file.stem} split; rename the file",
            code="file.name_taken",
        )
    predictor = load(workdir, checkpoint=checkpoint)
    predictor.require_kind("features")
    if predictor.side.format:
        raise UserError(
            f"{workdir} takes more than features (config.side_inputs), which is known only for its "
            "dataset's tracks; evaluate a split of that, or predict with a table",
            code="side_inputs.dataset_only",
        )
    table = read_for_model(file, predictor.spec)
    check_features(table.features[0], predictor.spec)  # before any message about the tracks
    if predictor.spec.task != "single_label":
        raise UserError(
            f"{workdir} predicts tags, but the labels of {file} are genres; evaluate a "
            "single_label run",
            code="task.needs_single_label",
        )
    table = _choose(table, workdir, split)
    table.require_labels()
    if unknown := sorted(set(table.label) - set(predictor.classes)):
        raise UserError(
            f"{file} holds tracks of genre '{unknown[0]}', which the model does not know (it knows "
            f"{', '.join(predictor.classes)}); remove them",
            code="table.unknown_genre",
        )
    predictions = predictor.predict_tracks(table.features)
    label = [predictor.classes.index(name) for name in table.label]
    segments_of = [len(prediction.start) for prediction in predictions]
    seconds = predictor.spec.clip_samples / predictor.spec.sample_rate
    which = f"{split} tracks" if split else "tracks not trained on"
    return Predictions(
        track=np.repeat(table.track_id, segments_of),
        start=np.concatenate([prediction.start for prediction in predictions]),
        end=np.concatenate([prediction.end for prediction in predictions]),
        probabilities=np.concatenate([prediction.probabilities for prediction in predictions]),
        label=np.repeat(label, segments_of),
        classes=predictor.classes,
        task=predictor.spec.task,
        split=file.stem + (f"_{split}" if split else ""),
        protocol=Protocol(
            "file", origin=f"{which} of {file.name}", segments=f"segments of {seconds:.3g} s"
        ),
    )


def _choose(table: FeatureTracks, workdir: Path, split: str | None) -> FeatureTracks:
    """The tracks to score; logs which are left out, and why."""
    try:
        seen = trained_on(workdir)
        stored = read_tracks(workdir)
    except UserError as error:
        raise UserError(
            f"what {workdir} was trained on cannot be read: {error}", code="run.damaged"
        ) from error
    used = {name: set(stored[name]) for name in ("train", "validation")}
    if split and split not in used:
        raise UserError(
            f"a file has no split {split}; choose {' or '.join(used)}, or none, to "
            "score all tracks that were not trained on",
            code="dataset.no_such_split",
        )
    if split:
        rows = [row for row, track in enumerate(table.track_id) if track in used[split]]
        if not rows:
            raise UserError(
                f"{table.path} holds no track of the {split} split of {workdir}; give the table "
                "that it was trained from, or name another split",
                code="split.empty",
            )
        return table.select(rows)
    left_out = _trained_rows(table, seen)
    rows = [row for row in range(len(table.track_id)) if row not in left_out]
    if not rows:
        raise UserError(
            f"{workdir} was trained on all {len(table.track_id)} tracks of {table.path}; give the "
            "split train to score them nevertheless",
            code="split.all_trained_on",
        )
    if chosen_by := len(used["validation"].intersection(table.track_id)):
        log.info(f"{chosen_by} of the {len(rows)} tracks scored chose the best checkpoint.")
    return table.select(rows)


def _trained_rows(table: FeatureTracks, seen: Sequence[TrainedOn]) -> set[int]:
    """The rows of tracks that a run, or a run whose weights it began with, was trained on."""
    contents = list(map(digest, table.features))
    found: set[int] = set()
    for run in seen:
        names, digests = set(run.tracks), set(run.digests)
        if run is not seen[0]:  # whose file may name the same tracks otherwise
            names |= match_rows(run.tracks, table.track_id).keys()
        named = {row for row, track in enumerate(table.track_id) if track in names}
        alike = {row for row, content in enumerate(contents) if content in digests}
        new = (named | alike) - found
        found |= new
        if new:
            which = "the run" if run is seen[0] else f"{run.run}, which it began with,"
            copies = len(new - named)
            others = f", {copies} of them under other names" if copies else ""
            log.info(f"Left out {len(new)} tracks that {which} was trained on{others}.")
    return found
