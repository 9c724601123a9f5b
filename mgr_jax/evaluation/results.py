"""Keeps and prints the scores of a predictions table; shared by commands that score."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from mgr_jax.evaluation import Predictions, evaluate, format_table, majority_baseline


def describe_system(config: ConfigDict) -> str:
    """What a run is called in reports."""
    untrained = "" if config.classification_weight else ", not trained to classify"
    return f"{config.frontend.name} + {config.model.name}{untrained}"


def save_result(
    workdir: Path,
    predictions: Predictions,
    training_tracks: Sequence[int] | None,
    *,
    system: str,
    aggregation: str = "probabilities",
    top_k: int | None = None,
) -> dict[str, Any]:
    """Scores a table, prints the scores, and writes both to `<workdir>/predictions/`.

    Args:
      workdir: of the run.
      predictions: the table.
      training_tracks: of each class, which tell the majority class; None for a multi_label task.
      system: what made the predictions, for reports.
      aggregation: see `evaluate`.
      top_k: see `evaluate`.

    Returns:
      The result of `evaluate` with `system` and, for single_label, `majority`.
    """
    result = {"system": system, **evaluate(predictions, aggregation=aggregation, top_k=top_k)}
    if training_tracks is not None:
        majority = int(np.argmax(training_tracks))
        result["majority"] = {
            "class": predictions.classes[majority],
            **majority_baseline(predictions, majority),
        }
    folder = workdir / "predictions"
    folder.mkdir(parents=True, exist_ok=True)
    predictions.save(folder / f"{predictions.split}.npz")
    (folder / f"{predictions.split}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(f"{system}\n{format_table(result)}")
    if "majority" in result:
        numbers = result["majority"]["track"]["accuracy"]
        value, low, high = ("n/a" if x is None else f"{x:.3f}" for x in numbers)
        print(f"majority class ({result['majority']['class']}): {value} [{low}, {high}]")
    return result
