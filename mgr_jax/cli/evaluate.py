"""Scores a trained model on a split of its dataset, with 95 % intervals, beside the majority class.

  mgr-jax evaluate --model=runs/a --split=test --json=result.json
  mgr-jax evaluate --model=runs/a --features=mel.npz

Writes <model>/predictions/<split>.npz (the table every metric reads) and <split>.json. With
--features the labelled tracks of an .npz or .csv file are scored, named after the file; those that
the model was trained on are left out, unless --split asks for the train or validation tracks.
"""

import json
from pathlib import Path
from typing import Any

from absl import flags as absl_flags

from mgr_jax.errors import UserError
from mgr_jax.runs.scored import define_aggregation_flag


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    del argv
    absl_flags.DEFINE_string("model", None, "Work directory of a run.", flag_values=flags)
    absl_flags.DEFINE_string(
        "split", None, "train, validation or test; test unless --features.", flag_values=flags
    )
    absl_flags.DEFINE_string(
        "features", None, "A file of features to score, without the dataset.", flag_values=flags
    )
    absl_flags.DEFINE_string("checkpoint", "best", "best, latest or a step.", flag_values=flags)
    absl_flags.DEFINE_string(
        "data_dir", None, "TFDS folder, if it has moved since training.", flag_values=flags
    )
    absl_flags.DEFINE_integer(
        "top_k", None, "Count a track whose label is among so many; 3.", flag_values=flags
    )
    absl_flags.DEFINE_string("json", None, "Also write the scores here.", flag_values=flags)
    define_aggregation_flag(flags, "probabilities")


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Evaluates and prints."""
    if flags.json:  # before the work, not after it
        Path(flags.json).parent.mkdir(parents=True, exist_ok=True)
    if args or not flags.model:
        raise UserError("give --model, the work directory of a trained run, such as runs/a")
    from mgr_jax.config import load_config
    from mgr_jax.evaluation.results import describe_system, save_result
    from mgr_jax.runs.feature_files import evaluate_file
    from mgr_jax.training.inference import predict_run

    workdir = Path(flags.model).expanduser().absolute()
    config = load_config(workdir / "config.json")
    try:
        labels = json.loads((workdir / "labels.json").read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"labels.json of {workdir} is missing or damaged; restore it") from error
    if flags.top_k is not None:
        _require_top_k(flags.top_k, labels)
    if flags.features:
        predictions = evaluate_file(
            Path(flags.features).expanduser(),
            workdir,
            split=flags.split,
            checkpoint=flags.checkpoint,
            segments=config.eval_segments,
        )
    else:
        predictions = predict_run(
            workdir,
            flags.split or "test",
            checkpoint=flags.checkpoint,
            data_dir=Path(flags.data_dir).expanduser() if flags.data_dir else None,
            progress=True,
        )
    result = save_result(
        workdir,
        predictions,
        labels["training_tracks"] if config.task == "single_label" else None,
        system=describe_system(config),
        aggregation=flags.aggregation,
        top_k=flags.top_k,
    )
    if flags.json:
        Path(flags.json).write_text(json.dumps(result, indent=2) + "\n")


def _require_top_k(top_k: int, labels: dict[str, Any]) -> None:
    if labels["task"] != "single_label":
        raise UserError(
            f"--top_k={top_k} asks for the rank of one genre, but this run tells tags; leave it out"
        )
    classes = len(labels["classes"])
    if not 1 < top_k < classes:
        advice = f"give 2 to {classes - 1}, or leave" if classes > 2 else "leave"
        raise UserError(f"--top_k={top_k} says nothing of {classes} classes; {advice} it out")
