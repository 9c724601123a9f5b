"""Scoring a trained run."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mgr_jax.audio.io import LimitsLike
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Result, save_result
from mgr_jax.files import expand
from mgr_jax.model_folder import ModelDescription, find_model, read_description
from mgr_jax.runs.evaluate_folder import evaluate_folder
from mgr_jax.runs.feature_files import predict_file
from mgr_jax.runs.told import score_run
from mgr_jax.training.inference import predict_run


def evaluate(
    run: str | os.PathLike[str],
    split: str | None = None,
    *,
    features: str | Path | None = None,
    folder: str | Path | None = None,
    labels: str | Path | None = None,
    columns: Mapping[str, str] | str | None = None,
    class_names: Mapping[str, str] | str | Path | None = None,
    leave_out_unknown: bool = False,
    include_trained: bool = False,
    name: str | None = None,
    checkpoint: str | int = "best",
    data_dir: str | Path | None = None,
    aggregation: str = "probabilities",
    top_k: int | None = None,
    limits: LimitsLike = None,
    workers: int | None = None,
    progress: bool = True,
) -> Result:
    """Scores a trained run on a split of its dataset, on labelled audio files, or on features.

        result = mgr_jax.evaluate("runs/a", "test")
        print(result)
        accuracy, low, high = result.scores["track"]["accuracy"]
        mine = mgr_jax.evaluate("runs/a", folder="my_music", class_names="hip hop=hiphop")

    Every segment is classified once, and the segments of a track are averaged. Scores come with
    95 % bootstrap intervals over tracks, and with the score of the majority class for comparison.
    The predictions table and the scores are kept as `<run>/predictions/<split>.npz` and `.json`.
    Scores are those of the network itself. If the run was calibrated, `result.scores["told"]` also
    says how often its decided predictions are right.

    Args:
      run: a trained run, its folder, or the name of a pretrained network.
      split: "train", "validation" or "test" (the default). With `features`: "train" or
        "validation" scores the tracks that the run used for that. None scores all tracks except
        those that the run, or a run whose weights it began with, was trained on; they are
        recognised by name and by content.
      features: an .npz, .csv or .parquet file of features; its results are named after it.
      folder: a folder of audio files that were never a dataset, with an index.csv or a folder for
        each genre; its results are named after it. Files that the run was trained on are recognised
        by their content, left out and reported.
      labels: with `folder`: path of an index that lies elsewhere or has another name.
      columns: with `folder`: names of the index's columns if they are not path, genre and artist,
        as in "path=file,genre=style".
      class_names: with `folder`: which label is which class, as in "hip hop=hiphop,speech=", where
        an empty class leaves files out; or a CSV file with the columns label and class. Case,
        spaces and Unicode form of names do not matter.
      leave_out_unknown: with `folder`: leave out files whose label the model does not know, instead
        of raising an error.
      include_trained: with `folder`: also score files that the run was trained on.
      name: with `folder`: name of the result, in place of the folder's.
      checkpoint: "best" by validation score, "latest", or a step.
      data_dir: the TFDS folder, if the dataset has moved since training.
      aggregation: how segments become tracks; see `Predictions.by_track`.
      top_k: also count a track as right if its label is among the `top_k` most probable classes;
        None: 3.
      limits: with `folder`: which files are refused; see `audio.io.Limits`.
      workers: with `folder`: processes that decode.
      progress: show a bar.

    Returns:
      The scores; with `folder` a `FolderResult`, which also lists mistakes and files left out.

    Raises:
      UserError: no such run, checkpoint, dataset, split or file; the dataset was prepared anew
        since the run was trained; features have another form; labels are not classes of the model;
        or `top_k` makes no sense.
    """
    workdir = find_model(run)
    described = read_description(workdir)
    described.require_classes(workdir)
    if top_k is not None:
        _require_top_k(top_k, described)
    of_folder: dict[str, Any] = {
        "labels": labels and expand(labels),
        "columns": columns,
        "name": name,
    }
    of_folder |= {"class_names": class_names, "limits": limits, "workers": workers}
    of_folder |= {"leave_out_unknown": leave_out_unknown, "include_trained": include_trained}
    if folder is not None:
        if split is not None or features is not None:
            raise UserError(
                "a folder is scored alone; leave out `split` and `features`, or `folder`",
                code="argument.choose_one",
            )
        return evaluate_folder(
            workdir,
            expand(folder),
            checkpoint=checkpoint,
            data_dir=expand(data_dir) if data_dir else None,
            aggregation=aggregation,
            top_k=top_k,
            progress=progress,
            **of_folder,
        )
    if given := [key for key, value in of_folder.items() if value not in (None, False)]:
        raise UserError(
            f"`{given[0]}` goes with `folder`, files to score; give that, or leave it out",
            code="argument.not_applicable",
        )
    if features is not None:
        predictions = predict_file(
            expand(features),
            workdir,
            split=split,
            checkpoint=checkpoint,
        )
    else:
        predictions = predict_run(
            workdir,
            split or "test",
            checkpoint=checkpoint,
            data_dir=expand(data_dir) if data_dir else None,
            progress=progress,
        )
    return save_result(
        workdir,
        predictions,
        described.training_tracks if described.spec.task == "single_label" else None,
        system=described.system,
        aggregation=aggregation,
        top_k=top_k,
        told=score_run(predictions, described.decisions) if described.decisions.measured else None,
    )


def _require_top_k(top_k: int, described: ModelDescription) -> None:
    if described.spec.task != "single_label":
        raise UserError(
            f"top_k={top_k} asks for the rank of one genre, but this run tells tags; leave it out",
            code="task.needs_single_label",
        )
    classes = len(described.classes)
    if not 1 < top_k < classes:
        advice = f"give 2 to {classes - 1}, or leave" if classes > 2 else "leave"
        raise UserError(
            f"top_k={top_k} makes no sense with {classes} classes; {advice} it out",
            code="argument.out_of_range",
        )
