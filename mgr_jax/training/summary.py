"""Writes the files of a run: its description, its metrics, its cost."""

import contextlib
import dataclasses
import importlib.util
import logging
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from mgr_jax import huge_pages, onednn
from mgr_jax.config import save_config
from mgr_jax.data.cache import Tracks
from mgr_jax.data.digests import track_digests
from mgr_jax.data.draws import DRAWS
from mgr_jax.data.pipeline import class_counts, target_names
from mgr_jax.errors import UserError, disk_errors_told, some_names
from mgr_jax.evaluation import Predictions, Protocol, confusion_matrix, evaluate
from mgr_jax.files import append, write_text
from mgr_jax.input_spec import InputSpec
from mgr_jax.integrity import read_line, read_sealed, seal_line, write_sealed
from mgr_jax.model_folder import read_description
from mgr_jax.model_of_config import describe_model
from mgr_jax.reports import draw_confusion, figure_to_image
from mgr_jax.side_inputs import SideInputs
from mgr_jax.training.events import EventFile
from mgr_jax.training.partition import in_first_process
from mgr_jax.training.same_run import draws_of

log = logging.getLogger(__name__)


class Summary:
    """Writes scalars to metrics.jsonl (one line per step and kind) and to TensorBoard.

    Of several processes the first one writes; an error of writing ends all of them.
    """

    _events: EventFile

    def __init__(
        self,
        workdir: Path,
        *,
        rows: Sequence[Mapping[str, Any]],
        step: int,
        evaluated: Iterable[int] = (),
        leak: str = "",
    ) -> None:
        """Opens the logs of a run that starts or resumes at `step`; later lines are removed.

        Args:
          workdir: folder of the run.
          rows: rows of its metrics.jsonl so far, see `read_metrics`.
          step: the step at which it starts or resumes.
          evaluated: steps whose evaluations are in their checkpoints.
          leak: how the run leaks, to be shown with scores; empty if it does not.
        """
        self.path = workdir / "metrics.jsonl"
        self._leak = leak
        self._drawing = importlib.util.find_spec("matplotlib") is not None
        self._in_first(lambda: self._open(rows, step, evaluated))

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Writes scalars of one step; nan becomes null in JSON.

        Args:
          step: the step.
          scalars: values by name.
        """
        self._in_first(lambda: self._write(step, scalars))

    def confusion(self, step: int, predictions: Predictions) -> None:
        """Writes the confusion matrix of a single_label table as an image."""
        if self._drawing and predictions.task == "single_label":
            self._in_first(lambda: self._draw(step, predictions))

    def _in_first(self, do: Callable[[], None]) -> None:
        def told() -> None:
            with disk_errors_told(self.path.parent):
                do()

        in_first_process(told)

    def _open(self, rows: Sequence[Mapping[str, Any]], step: int, evaluated: Iterable[int]) -> None:
        evaluated = set(evaluated)
        if lost := evaluated - {row["step"] for row in rows}:
            warnings.warn(
                f"{self.path} has lost lines, such as those of step {min(lost)}; it continues "
                "without them: restore the file from a backup if you need them",
                stacklevel=2,
            )
        if self.path.exists():  # even if all lines are damaged: half a line may be the last
            # An evaluation that is not in the checkpoint is repeated.
            kept = [
                row
                for row in rows
                if row["step"] < step
                or (row["step"] == step and (step in evaluated or not _tells_scores(row)))
            ]
            write_text(self.path, "".join(seal_line(row) + "\n" for row in kept))
        self._events = EventFile(self.path.parent, step=step + 1)
        if self._leak and not step:
            self._events.text("leak", self._leak, step)
        if not self._drawing:
            warnings.warn(
                "no confusion matrix in TensorBoard: pip install 'mgr-jax[report]'", stacklevel=2
            )

    def _write(self, step: int, scalars: Mapping[str, float]) -> None:
        row: dict[str, float | str | None] = {
            name: float(value) if np.isfinite(value) else None for name, value in scalars.items()
        }
        if self._leak and _tells_scores(scalars):
            row["leak"] = self._leak
        append(self.path, (seal_line({"step": step, **row}) + "\n").encode())
        for name, value in scalars.items():
            self._events.scalar(name, value, step)

    def _draw(self, step: int, predictions: Predictions) -> None:
        figure = draw_confusion(
            confusion_matrix(predictions), predictions.classes, f"{predictions.split}, step {step}"
        )
        self._events.image(f"{predictions.split}/confusion", figure_to_image(figure), step)


def _tells_scores(row: Mapping[str, Any]) -> bool:
    return any(name.startswith("validation/") for name in row)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Reads metrics.jsonl; damaged lines, from a kill or a disk, are skipped with a warning.

    Args:
      path: path of the file; it need not exist.

    Returns:
      The rows.

    Raises:
      UserError: the file cannot be read.
    """
    rows: list[dict[str, Any]] = []
    damaged: list[str] = []
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return rows
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); move it away, or restore it",
            code="file.damaged",
        ) from error
    for number, line in enumerate(lines, 1):
        if not line:  # after the last newline
            continue
        try:
            rows.append(_read_row(line))
        except ValueError:
            damaged.append(str(number))
    if damaged:
        which = f"line{'s' if len(damaged) > 1 else ''} {some_names(damaged)}"
        warnings.warn(f"{path}: skipping the damaged {which}", stacklevel=2)
    return rows


def _read_row(line: bytes) -> dict[str, Any]:
    row = read_line(line)  # lines of version 0.1.0 have no checksum
    values = (value for name, value in row.items() if name != "leak")
    if type(row.get("step")) is not int or not all(map(_is_number, values)):
        raise ValueError("it holds values that are not numbers")
    return row


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, int | float)


def validation_metrics(predictions: Predictions) -> dict[str, float]:
    """Scores of segments and tracks as `validation/<level>/<metric>`, without intervals."""
    result = evaluate(predictions, resamples=1)
    found = {
        f"{predictions.split}/{level}/{name}": float("nan") if value is None else value
        for level in ("segment", "track")
        for name, (value, *_) in result[level].items()
    }
    # If all probabilities are 0 or 1, there is none.
    return {f"{predictions.split}/track/log_loss": float("nan")} | found


def tell_scores(scores: Mapping[str, float], config: ConfigDict) -> str:
    """The log loss of an evaluation and config.monitor (or the usual score), as text."""
    shown = config.monitor
    if shown == "log_loss":  # which is shown anyway
        shown = "accuracy" if config.task == "single_label" else "roc_auc"
    return (
        f"validation log loss {scores['validation/track/log_loss']:.3f}, {shown} "
        f"{scores[f'validation/track/{shown}']:.3f}"
    )


def describe_run(
    workdir: Path,
    config: ConfigDict,
    spec: InputSpec,
    splits: Mapping[str, Tracks],
    side: SideInputs,
    protocol: Protocol,
    *,
    step: int,
    done: bool = False,
    progress: bool = False,
) -> None:
    """Writes what prediction and later readers need: model.json, the config, the data.

    Args:
      workdir: folder of the run.
      config: config of the run.
      spec: input specification of the classifier.
      splits: tracks of "train" and "validation".
      side: inputs beside the sound.
      protocol: protocol of the splits, and how it leaks.
      step: the step at which the run resumes; 0: it starts.
      done: the network will not change any more.
      progress: show a bar while digests of the training tracks are computed.
    """
    train = splits["train"]
    # Only balanced sampling has changed so far. A finished run may still be extended.
    begun = draws_of(workdir) if step and config.sampling == "balanced" else DRAWS
    labels = {
        "classes": target_names(train, config.task),
        "training_tracks": class_counts(train, config.task).tolist(),
    }
    described = describe_model(config, spec, labels, side, train.account, protocol.as_dict())
    if step:
        with contextlib.suppress(UserError):  # otherwise model.json is rewritten
            decisions = read_description(workdir).decisions
            if done:  # the network's calibration is still valid
                described = dataclasses.replace(described, decisions=decisions)
            elif decisions.measured:
                log.warning(
                    "The calibration of %s is no longer valid, as training continues; calibrate it "
                    "again when it is finished.",
                    workdir,
                )
    described.save(workdir)
    contents: dict[str, Any] = {
        "dataset": train.account,
        # So that later scores on other data can recognise training tracks under any name; the
        # `format` in dataset.json says what the digests are computed from.
        "tracks": {name: tracks.track_id.tolist() for name, tracks in splits.items()}
        | {"train_digests": track_digests(train, progress=progress), "draws": begun},
    }
    for name, content in contents.items():
        write_sealed(workdir / f"{name}.json", content)
    save_config(workdir / "config.json", config)


def announce(
    config: ConfigDict,
    parameters: int,
    splits: Mapping[str, Tracks],
    protocol: Protocol,
    *,
    resident: bool,
    step: int,
) -> None:
    """Logs the network, the data and the devices of a run.

    Args:
      config: config of the run.
      parameters: number of parameters.
      splits: tracks of "train" and "validation".
      protocol: protocol of the splits.
      resident: whether the data lies on the device.
      step: the step at which the run resumes; 0: it starts.
    """
    sizes = " and ".join(f"{len(tracks)} {name}" for name, tracks in splits.items())
    devices = f"{jax.device_count()} {jax.devices()[0].platform} device(s)"
    where = "resident on" if resident else "streamed to"
    log.info(
        f"{config.frontend.name} + {config.model.name}, {parameters:,} parameters, "
        f"{config.partition}; {sizes} tracks of {config.dataset}, {where} {devices}."
    )
    if config.protocol.name != "dataset":
        log.info(f"Protocol: {protocol.sentence}.")
    if step:
        log.info(f"Resuming at step {step} of {config.num_steps}.")


def record_cost(workdir: Path, parameters: int, seconds: float) -> None:
    """Writes run.json: the number of parameters, and the seconds of all trainings together.

    The file is only informative, so errors are only warned of.

    Args:
      workdir: folder of the run.
      parameters: number of parameters.
      seconds: length of this training.
    """
    path, before = workdir / "run.json", 0.0
    try:
        if path.exists():
            before = float(read_sealed(path, "")["seconds"])
    except (UserError, ValueError, KeyError, TypeError):
        warnings.warn(f"{path} is damaged; its seconds are counted from 0", stacklevel=2)
    cost = {
        "parameters": parameters,
        "seconds": round(before + seconds, 1),
        "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "huge_pages": huge_pages.are_in_use(),
        "onednn": onednn.version_in_use(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }
    try:
        write_sealed(path, cost)
    except OSError as error:
        warnings.warn(f"cannot write {path} ({error.strerror})", stacklevel=2)
