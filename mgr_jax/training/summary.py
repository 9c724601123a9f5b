"""Writes what a run measures: metrics.jsonl for programs, TensorBoard events for people."""

import importlib.util
import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorboardX

from mgr_jax.evaluation import Predictions, confusion_matrix
from mgr_jax.files import write_text
from mgr_jax.reports import draw_confusion, figure_to_image


class Summary:
    """Scalars go to metrics.jsonl (one line per step and kind) and to TensorBoard."""

    def __init__(self, workdir: Path, *, step: int, leak: str = "") -> None:
        """Opens the logs of a run that goes on at `step`: later lines are cut off.

        Args:
          workdir: of the run.
          step: see above.
          leak: how the run leaks, to be told beside scores; empty where it does not.
        """
        self.path = workdir / "metrics.jsonl"
        self._leak = leak
        if self.path.exists():
            rows = [row for row in read_metrics(self.path) if row["step"] <= step]
            write_text(self.path, "".join(json.dumps(row) + "\n" for row in rows))
        self._events = tensorboardX.SummaryWriter(
            str(workdir), purge_step=step + 1, write_to_disk=True
        )
        if leak and not step:
            self._events.add_text("leak", leak, step)
        self._drawing = importlib.util.find_spec("matplotlib") is not None
        if not self._drawing:
            warnings.warn(
                "no confusion matrix in TensorBoard: pip install 'mgr-jax[report]'", stacklevel=2
            )

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Writes scalars of one step; nan becomes null in JSON."""
        row: dict[str, float | str | None] = {
            name: float(value) if np.isfinite(value) else None for name, value in scalars.items()
        }
        if self._leak and any(name.startswith("validation/") for name in scalars):
            row["leak"] = self._leak
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **row}) + "\n")
        for name, value in scalars.items():
            self._events.add_scalar(name, value, step)

    def confusion(self, step: int, predictions: Predictions) -> None:
        """Writes the confusion matrix of a single_label table as an image."""
        if not self._drawing:
            return
        figure = draw_confusion(
            confusion_matrix(predictions), predictions.classes, f"{predictions.split}, step {step}"
        )
        self._events.add_image(
            f"{predictions.split}/confusion", figure_to_image(figure), step, dataformats="HWC"
        )

    def close(self) -> None:
        """Flushes and closes the event file."""
        self._events.close()


def read_metrics(path: Path) -> list[dict]:
    """Reads metrics.jsonl; a line that a killed run left half-written is passed over."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            warnings.warn(f"{path}: passing over the damaged line {line[:40]!r}", stacklevel=2)
    return rows
