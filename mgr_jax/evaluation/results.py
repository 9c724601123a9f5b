"""Scored splits in a folder: writing and reading them."""

import hashlib
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.errors import UserError, printable
from mgr_jax.evaluation.predictions import Predictions, read_protocol
from mgr_jax.evaluation.protocol import Protocol
from mgr_jax.evaluation.scores import evaluate
from mgr_jax.evaluation.text import format_table
from mgr_jax.files import expand, together
from mgr_jax.integrity import read_sealed, write_sealed

# What run.json tells; baselines have no parameters.
_COST: dict[str, Any] = {
    "parameters": (int, type(None)),
    "seconds": (int, float),
    "device": str,
}
_TABLE = "table"  # with the scores: the digest of what they are of


@dataclass(frozen=True, eq=False)
class Result:
    """The scores of a split, and the predictions behind them.

    Attributes:
      path: the folder with `predictions/<split>.npz` and `.json`.
      scores: the content of the .json file: the dict of `evaluate`, with `system` (the maker of the
        predictions) and, for single_label, `majority` (the scores of always answering the most
        frequent training class); for a calibrated run `told`, see `runs.told.score_run`.
      segments: the predictions table.
      tracks: the same with one row per track.
      cost: `parameters`, `seconds` and `device` of the run; empty if they were not written.
    """

    path: Path
    scores: dict[str, Any]
    segments: Predictions
    tracks: Predictions
    cost: dict[str, Any] = field(default_factory=dict)

    @property
    def protocol(self) -> Protocol:
        """The protocol: which tracks trained and which were scored."""
        return self.segments.protocol

    @property
    def split(self) -> str:
        """The split that was scored."""
        return self.segments.split

    @property
    def system(self) -> str:
        """The maker of the predictions, with a mark if its protocol leaks."""
        return self.scores["system"] + " (LEAKS)" * bool(self.protocol.leaks)

    def __str__(self) -> str:
        """All scores as lines of text, with the majority class where there is one."""
        text = f"{printable(self.scores['system'])}\n{format_table(self.scores)}"
        if majority := self.scores.get("majority"):
            text += f"\nmajority class ({printable(majority['class'])}): "
            text += format_interval(majority["track"]["accuracy"])
        if told := self.scores.get("told"):
            track, wanted = told["track"], told.get("wanted")
            text += f"\ntold, not undecided: precision {format_interval(track['precision'])}"
            text += f" ({wanted:g} was wanted)" if wanted else ""
            text += f", coverage {format_interval(track['coverage'])}; calibrated: "
            text += f"calibration error {track['calibration_error']:.3f}, "
            text += f"log loss {track['log_loss']:.3f}"
            if told.get("chosen_on") == self.split:
                text += "; optimistic, as these tracks chose the thresholds"
        return text


def format_interval(numbers: Sequence[float | None]) -> str:
    """[value, low, high] as `0.767 [0.678, 0.856]`; n/a where undefined."""
    value, low, high = ("n/a" if x is None else f"{x:.3f}" for x in numbers)
    return f"{value} [{low}, {high}]"


def save_result(
    folder: Path,
    predictions: Predictions,
    training_tracks: Sequence[int] | None,
    *,
    system: str,
    aggregation: str = "probabilities",
    top_k: int | None = None,
    told: Mapping[str, Any] | None = None,
) -> Result:
    """Scores a table, and writes the table and the scores to `<folder>/predictions/`.

    Args:
      folder: of the run.
      predictions: the table.
      training_tracks: of each class, to find the majority class; None for a multi_label task.
      system: the maker of the predictions, for reports.
      aggregation: see `evaluate`.
      top_k: see `evaluate`.
      told: scores of the reported classes of a calibrated run, to be kept with the others.

    Returns:
      The scored split.
    """
    majority = None if training_tracks is None else int(np.argmax(training_tracks))
    found = evaluate(predictions, aggregation=aggregation, top_k=top_k, majority_class=majority)
    scores = {"system": system, **found}
    if told:
        scores["told"] = dict(told)
    with together(folder / "predictions") as new:
        file = new / f"{predictions.split}.json"
        predictions.save(file.with_suffix(".npz"))
        write_sealed(file, scores | {_TABLE: _digest_table(file)})
    return Result(folder, scores, predictions, predictions.by_track(aggregation))


def find_results(paths: Iterable[str | os.PathLike[str]], split: str) -> list[Path]:
    """Replaces each folder that holds several scored runs, such as baselines, by these runs.

    Args:
      paths: of folders.
      split: the scored split.

    Returns:
      The folders of scored runs.
    """
    found: dict[Path, None] = {}
    for given in paths:
        path = expand(given)
        inner = sorted(path.glob(f"**/predictions/{split}.json"))
        within = [] if (path / "predictions").is_dir() else [file.parents[1] for file in inner]
        found |= dict.fromkeys(within or [path])
    return list(found)


def load_result(folder: str | Path, split: str = "test", aggregation: str | None = None) -> Result:
    """Reads a scored split.

    Args:
      folder: of the run.
      split: the name of a scored split.
      aggregation: scores tracks again if they were scored with another one; None: as they were.

    Returns:
      The scored split.

    Raises:
      UserError: the split was not scored, or its files are damaged.
    """
    folder = expand(folder)
    file = folder / "predictions" / f"{split}.json"
    if not file.is_file():
        if not folder.is_dir():
            raise UserError(
                f"{folder} is no folder; give that of a scored run", code="folder.not_found"
            )
        scored = sorted({other.stem for other in folder.glob("**/predictions/*.json")})
        raise UserError(
            f"{file} is not there; "
            + (
                f"scored are {', '.join(scored)}: give one of them as the split"
                if scored
                else f"evaluate {folder} on its {split} split first (mgr-jax evaluate)"
            ),
            code="scores.not_found",
        )
    try:
        segments = Predictions.load(file.with_suffix(".npz"))
    except ValueError as error:
        raise UserError(f"{error}; evaluate {folder} again", code="scores.damaged") from error
    try:
        scores = read_sealed(file, f"evaluate {folder} again")
        if scores.pop(_TABLE, None) not in (None, _digest_table(file)):
            raise ValueError("it holds the scores of another table than that beside it")
        scores["protocol"] = read_protocol(scores["protocol"]).as_dict()
        # Runs scored before there was a choice have no such entry.
        stored = scores.setdefault("aggregation", "probabilities")
        if aggregation and aggregation != stored:
            scores |= evaluate(segments, aggregation=aggregation)
        tracks = segments.by_track(scores["aggregation"])
        result = Result(folder, scores, segments, tracks, _read_cost(folder / "run.json"))
        str(result)  # which asks for all that `save_result` has written
        return result
    except UserError as error:
        raise UserError(str(error), code="scores.damaged") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(
            f"{file} is damaged ({error}); evaluate {folder} again", code="scores.damaged"
        ) from error


def _read_cost(file: Path) -> dict[str, Any]:
    """The cost of a run; {} if it was not written or is damaged, because it only describes."""
    if not file.exists():
        return {}
    try:
        cost = read_sealed(file, "what the run cost is not told")
    except UserError as error:
        warnings.warn(str(error), stacklevel=3)
        return {}
    return {name: cost[name] for name, kinds in _COST.items() if isinstance(cost.get(name), kinds)}


def _digest_table(scores: Path) -> str:
    """Of the table that the scores in a file are of."""
    return hashlib.sha256(scores.with_suffix(".npz").read_bytes()).hexdigest()
