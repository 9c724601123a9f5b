"""The predictions table: one row per segment. Metrics read nothing else."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.array_files import read_arrays, write_arrays
from mgr_jax.evaluation.metrics import decide
from mgr_jax.evaluation.migration import protocol_of_sentence
from mgr_jax.evaluation.protocol import Protocol

TASKS = ("single_label", "multi_label")

# How the segments of a track become one row, and what to call it; see `Predictions.by_track`.
AGGREGATIONS = {
    "probabilities": "mean probability",
    "vote": "vote of the segments",
    "features": "mean features",
}

_DTYPES = {
    "track": np.str_,
    "start": np.float64,
    "end": np.float64,
    "probabilities": np.float32,
    "label": np.int64,
}
_OPTIONAL = {"auxiliary_loss": np.float32, "repeat": np.int64}

# A softmax in bfloat16 sums to 1 only this closely; a float32 mean may exceed 1 by rounding.
_SUM_TOLERANCE = 1e-2
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a classifier said about every segment of a split, and the truth.

    Attributes:
      track: [rows] str, the track each segment was cut from.
      start: [rows] float64, where the segment starts, in seconds.
      end: [rows] float64, where it ends, in seconds.
      probabilities: [rows, classes] float32 in [0, 1]; rows sum to 1 for `single_label`.
      label: [rows] int64 class index for `single_label`, [rows, classes] 0 or 1 for `multi_label`.
      classes: the names of the classes, in column order.
      task: `single_label` or `multi_label`.
      split: the name of the split, e.g. `test`.
      protocol: how the split was made and scored.
      auxiliary_loss: [rows] float32, what the model itself adds to the loss (an autoencoder's error
        of reconstruction), or None.
      repeat: [rows] int64, the repetition of the experiment (its seed) that a row comes from, or
        None. Every score is then the mean over the repeats of the score of each.

    Raises:
      ValueError: shapes or values contradict the description above.
    """

    track: np.ndarray
    start: np.ndarray
    end: np.ndarray
    probabilities: np.ndarray
    label: np.ndarray
    classes: tuple[str, ...]
    task: str
    split: str
    protocol: Protocol
    auxiliary_loss: np.ndarray | None = None
    repeat: np.ndarray | None = None

    def __post_init__(self) -> None:
        whole = np.all(np.asarray(self.label) == np.asarray(self.label).astype(np.int64))
        require(bool(whole), f"labels must be whole numbers, not {np.asarray(self.label).dtype}")
        for name, dtype in self._columns().items():
            object.__setattr__(self, name, np.asarray(getattr(self, name)).astype(dtype))
        object.__setattr__(self, "classes", tuple(map(str, self.classes)))
        require(self.task in TASKS, f"task is {self.task!r}; expected one of {', '.join(TASKS)}")
        self._check_shapes()
        self._check_values()

    def _columns(self) -> dict[str, type]:
        """The columns there are, with their types."""
        there = {k: dtype for k, dtype in _OPTIONAL.items() if getattr(self, k) is not None}
        return _DTYPES | there

    def _check_shapes(self) -> None:
        rows, columns = len(self.track), len(self.classes)
        require(rows > 0, f"the predictions of split {self.split!r} have no rows")
        require(columns == len(set(self.classes)), f"classes repeat a name: {self.classes}")
        for name in self._columns():
            wide = name == "probabilities" or (name == "label" and self.task == "multi_label")
            expected = (rows, columns) if wide else (rows,)
            found = getattr(self, name).shape
            require(
                found == expected,
                f"{name} has shape {found}, but {rows} rows and {columns} classes of a "
                f"{self.task} task need {expected}",
            )

    def _check_values(self) -> None:
        single = self.task == "single_label"
        timed = (self.start >= 0) & (self.end > self.start) & np.isfinite(self.end)
        require(bool(timed.all()), "segments need finite times with 0 <= start < end, in seconds")
        valid = (self.probabilities >= 0) & (self.probabilities <= 1 + _ROUNDING)
        require(bool(valid.all()), "probabilities must be finite and within [0, 1]")
        off = np.abs(self.probabilities.sum(axis=1) - 1).max()
        require(
            not single or bool(off <= _SUM_TOLERANCE),
            "probabilities of a single_label task must sum to 1 in every row; apply softmax first",
        )
        if self.auxiliary_loss is not None:
            require(bool(np.isfinite(self.auxiliary_loss).all()), "auxiliary losses must be finite")
        if self.repeat is not None:
            require(bool((self.repeat >= 0).all()), "repeats must be numbered from 0")
        top = len(self.classes) - 1 if single else 1
        known = (self.label >= 0) & (self.label <= top)
        require(bool(known.all()), f"labels of this {self.task} task must lie in 0..{top}")

    def save(self, path: str | Path) -> None:
        """Writes the table as .npz; a reader never sees half a file."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["protocol"] = json.dumps(self.protocol.as_dict())
        arrays = {k: np.asarray(value) for k, value in values.items() if value is not None}
        write_arrays(Path(path), arrays, compress=True)

    @classmethod
    def load(cls, path: str | Path) -> "Predictions":
        """Reads a table that `save` wrote.

        Raises:
          ValueError: the file is missing, is not a predictions table, or is damaged.
        """
        try:
            stored = read_arrays(Path(path))
            names = [f.name for f in fields(cls) if f.name not in _OPTIONAL or f.name in stored]
            columns = {name: stored[name] for name in names}
            protocol = read_protocol(columns["protocol"].item())
            scalars = {name: columns[name].item() for name in ("task", "split")}
            classes = tuple(columns["classes"].tolist())
        except FileNotFoundError as error:
            raise ValueError(f"{path} does not exist; evaluate the model to write it") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{path} is not a predictions table of mgr_jax, or is damaged ({error}); evaluate "
                "the model to write one"
            ) from error
        return cls(**columns | scalars | {"classes": classes, "protocol": protocol})

    @property
    def only_decisions(self) -> bool:
        """Whether every probability is 0 or 1, because the classifier gives only decisions."""
        return bool(np.isin(self.probabilities, (0, 1)).all())

    def select(self, rows: np.ndarray) -> "Predictions":
        """The table of these rows: indices, or bool [rows]."""
        columns: dict[str, Any] = {name: getattr(self, name)[rows] for name in self._columns()}
        return replace(self, **columns)

    def by_repeat(self) -> list[tuple[np.ndarray | slice, "Predictions"]]:
        """The rows and the table of every repeat. A table without repeats counts as one."""
        if self.repeat is None:
            return [(slice(None), self)]
        masks = [self.repeat == number for number in np.unique(self.repeat)]
        return [(mask, replace(self.select(mask), repeat=None)) for mask in masks]

    def by_track(self, aggregation: str = "probabilities") -> "Predictions":
        """The table with one row per track and repeat, in order of first appearance.

        A row spans the time from the first to the last segment.

        Args:
          aggregation: how the segments of a track are combined.
            "probabilities": their mean.
            "vote": every segment votes for its most probable class (of `multi_label`, for or
              against every class). The mean probability counts as one vote more, which breaks ties
              and nothing else, and the rows still sum to 1.
            "features": what the network would answer to the mean of the segments' embeddings. Its
              last layer is linear in the embedding (`mgr_jax.models.network.Network.classify`), so
              that the logits of the mean are the mean of the logits; and the logits are, but for a
              constant per row that the softmax forgets, the logarithms of the probabilities (of
              `multi_label`, log p/(1-p)). Probabilities that were rounded to 0 or 1 count as the
              nearest other number of their type.

        Raises:
          ValueError: segments of one track carry different labels, or another aggregation.
        """
        if aggregation not in AGGREGATIONS:
            names = ", ".join(AGGREGATIONS)
            raise ValueError(f"there is no aggregation {aggregation!r}; choose from {names}")
        _, index = np.unique(self.track, return_inverse=True)
        if self.repeat is not None:
            index = index * (self.repeat.max() + 1) + self.repeat
        _, first, index = np.unique(index, return_index=True, return_inverse=True)
        disagree = (self.label != self.label[first][index]).reshape(len(index), -1).any(axis=1)
        if disagree.any():
            name = str(self.track[disagree][0])
            raise ValueError(f"segments of track {name!r} carry different labels; label it once")
        counts = np.bincount(index)

        def mean(values: np.ndarray) -> np.ndarray:
            totals = np.zeros((len(first), *values.shape[1:]))
            np.add.at(totals, index, values)
            return (totals.T / counts).T

        match aggregation, self.task:
            case "vote", _:
                votes = mean(decide(self.label, self.probabilities)[1]).T * counts
                probabilities = ((votes + mean(self.probabilities).T) / (counts + 1)).T
            case "features", "single_label":
                least = np.finfo(np.float32).tiny
                logits = mean(np.log(np.maximum(self.probabilities, least, dtype=np.float64)))
                probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
                probabilities /= probabilities.sum(axis=1, keepdims=True)
            case "features", _:
                p = self.probabilities.astype(np.float64)
                p = p.clip(np.finfo(np.float32).tiny, 1 - np.finfo(np.float32).epsneg)
                probabilities = 1 / (1 + np.exp(-mean(np.log(p / (1 - p)))))
            case _:
                probabilities = mean(self.probabilities)

        start, end = self.start[first], self.end[first]
        np.minimum.at(start, index, self.start)
        np.maximum.at(end, index, self.end)
        added = self.auxiliary_loss
        tracks = replace(
            self.select(first),
            start=start,
            end=end,
            probabilities=probabilities,
            auxiliary_loss=None if added is None else mean(added),
        )
        return tracks.select(np.argsort(first))


def read_protocol(stored: str | Mapping[str, Any]) -> Protocol:
    """The protocol of a table or result as it was stored: JSON, or a sentence by version 0.1.0.

    Raises:
      ValueError: it is neither.
    """
    if isinstance(stored, str) and not stored.startswith("{"):
        return protocol_of_sentence(stored)
    return Protocol.from_dict(json.loads(stored) if isinstance(stored, str) else stored)


def require(condition: bool, message: str) -> None:
    """Checks a condition.

    Args:
      condition: must hold.
      message: of the error.

    Raises:
      ValueError: it does not hold.
    """
    if not condition:
        raise ValueError(message)
