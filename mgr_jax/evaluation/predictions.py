"""The predictions table: one row per segment, and all that any metric ever reads."""

import os
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

TASKS = ("single_label", "multi_label")

_DTYPES = {
    "track": np.str_,
    "start": np.float64,
    "end": np.float64,
    "probabilities": np.float32,
    "label": np.int64,
}
_OPTIONAL = {"auxiliary_loss": np.float32}

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
      protocol: a sentence that says how the split was made and scored.
      auxiliary_loss: [rows] float32, what the model itself adds to the loss (an autoencoder's error
        of reconstruction), or None.

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
    protocol: str
    auxiliary_loss: np.ndarray | None = None

    def __post_init__(self) -> None:
        whole = np.all(np.asarray(self.label) == np.asarray(self.label).astype(np.int64))
        _require(bool(whole), f"labels must be whole numbers, not {np.asarray(self.label).dtype}")
        for name, dtype in self._columns().items():
            object.__setattr__(self, name, np.asarray(getattr(self, name)).astype(dtype))
        object.__setattr__(self, "classes", tuple(map(str, self.classes)))
        _require(self.task in TASKS, f"task is {self.task!r}; expected one of {', '.join(TASKS)}")
        self._check_shapes()
        self._check_values()

    def _columns(self) -> dict[str, type]:
        """The columns there are, with their types."""
        there = {k: dtype for k, dtype in _OPTIONAL.items() if getattr(self, k) is not None}
        return _DTYPES | there

    def _check_shapes(self) -> None:
        rows, columns = len(self.track), len(self.classes)
        _require(rows > 0, f"the predictions of split {self.split!r} have no rows")
        _require(columns == len(set(self.classes)), f"classes repeat a name: {self.classes}")
        for name in self._columns():
            wide = name == "probabilities" or (name == "label" and self.task == "multi_label")
            expected = (rows, columns) if wide else (rows,)
            found = getattr(self, name).shape
            _require(
                found == expected,
                f"{name} has shape {found}, but {rows} rows and {columns} classes of a "
                f"{self.task} task need {expected}",
            )

    def _check_values(self) -> None:
        single = self.task == "single_label"
        timed = (self.start >= 0) & (self.end > self.start) & np.isfinite(self.end)
        _require(bool(timed.all()), "segments need finite times with 0 <= start < end, in seconds")
        valid = (self.probabilities >= 0) & (self.probabilities <= 1 + _ROUNDING)
        _require(bool(valid.all()), "probabilities must be finite and within [0, 1]")
        off = np.abs(self.probabilities.sum(axis=1) - 1).max()
        _require(
            not single or bool(off <= _SUM_TOLERANCE),
            "probabilities of a single_label task must sum to 1 in every row; apply softmax first",
        )
        if self.auxiliary_loss is not None:
            _require(
                bool(np.isfinite(self.auxiliary_loss).all()), "auxiliary losses must be finite"
            )
        top = len(self.classes) - 1 if single else 1
        known = (self.label >= 0) & (self.label <= top)
        _require(bool(known.all()), f"labels of this {self.task} task must lie in 0..{top}")

    def save(self, path: str | Path) -> None:
        """Writes the table as .npz; a reader never sees half a file."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                values = {field.name: getattr(self, field.name) for field in fields(self)}
                arrays = {k: np.asarray(value) for k, value in values.items() if value is not None}
                np.savez_compressed(file, allow_pickle=False, **arrays)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    @classmethod
    def load(cls, path: str | Path) -> "Predictions":
        """Reads a table that `save` wrote.

        Raises:
          ValueError: the file is missing or is not a predictions table.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                names = [f.name for f in fields(cls) if f.name not in _OPTIONAL or f.name in file]
                columns = {name: file[name] for name in names}
        except FileNotFoundError as error:
            raise ValueError(f"{path} does not exist; evaluate the model to write it") from error
        except (KeyError, OSError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{path} is not a predictions table of mgr_jax; evaluate the model to write one"
            ) from error
        scalars = {name: columns[name].item() for name in ("task", "split", "protocol")}
        return cls(**columns | scalars | {"classes": tuple(columns["classes"].tolist())})

    def by_track(self) -> "Predictions":
        """One row per track, in order of first appearance: means, whole time span.

        Raises:
          ValueError: segments of one track carry different labels.
        """
        _, first, index = np.unique(self.track, return_index=True, return_inverse=True)
        disagree = (self.label != self.label[first][index]).reshape(len(index), -1).any(axis=1)
        if disagree.any():
            name = str(self.track[disagree][0])
            raise ValueError(f"segments of track {name!r} carry different labels; label it once")
        counts = np.bincount(index)

        def mean(values: np.ndarray) -> np.ndarray:
            totals = np.zeros((len(first), *values.shape[1:]))
            np.add.at(totals, index, values)
            return (totals.T / counts).T

        start, end = self.start[first], self.end[first]
        np.minimum.at(start, index, self.start)
        np.maximum.at(end, index, self.end)

        order = np.argsort(first)
        return replace(
            self,
            track=self.track[first][order],
            start=start[order],
            end=end[order],
            probabilities=mean(self.probabilities)[order],
            label=self.label[first][order],
            auxiliary_loss=(
                None if self.auxiliary_loss is None else mean(self.auxiliary_loss)[order]
            ),
        )


def join_predictions(tables: Sequence[Predictions], *, split: str, protocol: str) -> Predictions:
    """Puts tables of the same classes one below the other, those of several folds say.

    Raises:
      ValueError: they differ in classes or task, or a track is in several of them.
    """
    first = tables[0]
    for table in tables[1:]:
        _require(
            (table.classes, table.task, table._columns())
            == (first.classes, first.task, first._columns()),
            "the tables are of other classes or another task; join tables of one experiment",
        )
    names = np.concatenate([np.unique(table.track) for table in tables])
    _require(len(set(names)) == len(names), "a track stands in several tables; join disjoint ones")
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(table, name) for table in tables])
        for name in first._columns()
    }
    return replace(first, **columns, split=split, protocol=protocol)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
