"""Keeps and prints the scores of a predictions table; shared by evaluate and baselines."""

import json
from pathlib import Path
from typing import Any

from mgr_jax.evaluation import Predictions, evaluate, format_table, majority_baseline


def save_result(
    workdir: Path, predictions: Predictions, protocol: dict[str, Any], *, system: str
) -> dict[str, Any]:
    """Scores a table, prints the scores, and writes both to `<workdir>/predictions/`.

    Args:
      workdir: of the run.
      predictions: the table.
      protocol: of the dataset (protocol.json): its training counts give the majority class.
      system: what made the predictions, for reports.

    Returns:
      The result of `evaluate` with `system` and, for single_label, `majority`.
    """
    result = {"system": system, **evaluate(predictions)}
    if predictions.task == "single_label":
        counts = [protocol["tracks"]["train"].get(name, 0) for name in predictions.classes]
        majority = counts.index(max(counts))
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
        value, low, high = result["majority"]["track"]["accuracy"]
        print(
            f"majority class ({result['majority']['class']}): {value:.3f} [{low:.3f}, {high:.3f}]"
        )
    return result
