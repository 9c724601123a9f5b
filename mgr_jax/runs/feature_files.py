"""Files of features for a trained run; shared by evaluate and predict."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.data.cache import digest
from mgr_jax.data.feature_files import FeatureTracks, read_features
from mgr_jax.data.splits import SPLITS
from mgr_jax.data.table_rows import match_rows, read_table, rows_of
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Predictions, Protocol
from mgr_jax.predictor import Predictor, load


def read_for_run(file: Path, workdir: Path) -> FeatureTracks:
    """Reads a file; of a table, the columns that the run was trained on, by name."""
    columns = json.loads((workdir / "dataset.json").read_text()).get("columns")
    table = read_features(file)
    return table.with_columns(columns) if columns else table


def side_rows(file: str, predictor: Predictor, tracks: Sequence[str]) -> list[dict[str, Any]]:
    """What a `fusion` is given beside the sound of each track: its row of a table.

    Args:
      file: a table, see `read_features`; empty: there is none.
      predictor: of the run.
      tracks: names of tracks, or paths of files.

    Raises:
      UserError: no such table, a column or row that is missing, or a model that takes none.
    """
    if not file:
        return [{} for _ in tracks]
    columns = predictor.side.columns
    if not columns:
        raise UserError(f"--table={file} is given, but this model takes no table; leave it out")
    table = read_table(file).with_columns(columns)
    rows = rows_of(table, match_rows(table.track_id, tracks))
    if missing := [track for track in tracks if track not in rows]:
        raise UserError(
            f"{file} has no row for {missing[0]} alone ({len(missing)} of {len(tracks)} are "
            "missing); add rows, named like the files or tracks with their folders"
        )
    return [{"table": rows[track]} for track in tracks]


def evaluate_file(
    file: Path, workdir: Path, *, split: str | None, checkpoint: str, segments: int
) -> Predictions:
    """Classifies the labelled tracks of a file; says which are left out, and why.

    Args:
      file: see `read_features`.
      workdir: of the run; its dataset is not needed.
      split: "train" or "validation": only the tracks that the run used so; None: all but those
        that it was trained on.
      checkpoint: "best", "latest" or a step.
      segments: per track; 0: the fewest that cover it.

    Raises:
      UserError: no such file or run, features of another form, labels that the model does not
        know, or no track to score.
    """
    if file.stem in SPLITS:
        raise UserError(
            f"the scores of {file} would replace those of the {file.stem} split; rename the file"
        )
    predictor = load(workdir, checkpoint=checkpoint)
    predictor.require_kind("features")
    if predictor.side.format:
        raise UserError(
            f"{workdir} takes more than features (config.side_inputs), which is known of its "
            "dataset's tracks alone; evaluate a split of that, or use predict --table"
        )
    table = read_for_run(file, workdir)
    predictor.check_features(table.features[0])  # before anything is said of the tracks
    if predictor.spec.task != "single_label":
        raise UserError(
            f"{workdir} tells tags, but the labels of {file} are genres; evaluate a single_label "
            "run"
        )
    table = _choose(table, workdir, split)
    table.require_labels()
    if unknown := sorted(set(table.label) - set(predictor.classes)):
        raise UserError(
            f"{file} holds tracks of genre '{unknown[0]}', which the model does not know (it knows "
            f"{', '.join(predictor.classes)}); remove them"
        )
    predictions = predictor.predict_tracks(table.features, segments=segments)
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
    stored = json.loads((workdir / "tracks.json").read_text())
    used = {name: set(stored[name]) for name in ("train", "validation")}
    trained_on = set(stored["train_digests"])  # under whatever name
    if split and split not in used:
        raise UserError(
            f"--features with --split={split} makes no sense; choose {' or '.join(used)}, or leave "
            "--split out to score all tracks that were not trained on"
        )
    rows = [
        row
        for row, track in enumerate(table.track_id)
        if (
            track in used[split]
            if split
            else track not in used["train"] and digest(table.features[row]) not in trained_on
        )
    ]
    if not rows:
        raise UserError(
            f"{table.path} holds no track of the {split} split of {workdir}"
            if split
            else f"{workdir} was trained on all {len(table.track_id)} tracks of {table.path}; "
            "--split=train scores them nevertheless"
        )
    if not split:
        chosen_by = len(used["validation"].intersection(table.track_id))
        if left_out := len(table.track_id) - len(rows):
            copies = left_out - len(used["train"].intersection(table.track_id))
            named = f", {copies} of them under other names" if copies else ""
            print(f"Left out {left_out} tracks that the run was trained on{named}.")
        if chosen_by:
            print(f"{chosen_by} of the {len(rows)} tracks scored chose the best checkpoint.")
    return table.select(rows)
