"""The result of scoring a folder of files: scores, mistakes, and files left out."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from mgr_jax.errors import printable, some_names
from mgr_jax.evaluation import Predictions, Result, confusion_matrix, format_interval, per_class
from mgr_jax.files import write_text
from mgr_jax.prediction.prediction import Prediction

_SHOWN_CLASSES, _SHOWN_MISTAKES = 20, 10
REASONS = {
    "no_file": "there is no such file",
    "no_label": "no label",
    "no_class": "the label is not a class of the model",
    "trained_on": "the model was trained on it",
    "named_alike": "it has the name of a training track whose sound was not kept",
    "unusable": "it cannot be used",
}


@dataclass(frozen=True)
class Mistake:
    """A file whose prediction differs from its label.

    Attributes:
      path: path below the folder.
      label: the class of its label.
      answer: the predicted class.
      probability: probability of the predicted class, calibrated.
      probability_of_label: probability of the label's class, calibrated.
    """

    path: str
    label: str
    answer: str
    probability: float
    probability_of_label: float


@dataclass(frozen=True)
class LeftOut:
    """A file that was not scored.

    Attributes:
      path: path below the folder.
      kind: kind of the reason, one of `REASONS`.
      reason: a sentence.
    """

    path: str
    kind: str
    reason: str


@dataclass(frozen=True, eq=False)
class FolderResult(Result):
    """The scores of the files of a folder.

    Attributes:
      mistakes: the files whose most probable class is not their label, the most confident first.
      left_out: the files that were not scored.
    """

    mistakes: tuple[Mistake, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def __str__(self) -> str:
        """The scores, the confusion matrix, the mistakes, and the files left out."""
        parts = [super().__str__()]
        if len(self.tracks.classes) <= _SHOWN_CLASSES:
            parts.append("\n".join(_confusion_lines(self.tracks)))
        if self.mistakes:
            count = min(_SHOWN_MISTAKES, len(self.mistakes))
            file = self.path / "predictions" / f"{self.split}_mistakes.csv"
            total = len(self.mistakes)
            lines = [f"{count} of {total} mistakes, the most confident first (all: {file}):"]
            lines += [
                f"  {one.probability:.3f} {one.answer:<12} labelled {one.label:<12} {one.path}"
                for one in self.mistakes[:count]
            ]
            parts.append("\n".join(map(printable, lines)))
        if self.left_out:
            parts.append("\n".join(map(printable, left_out_lines(self.left_out))))
        return "\n\n".join(parts)


def find_mistakes(
    classes: Sequence[str], found: Mapping[str, Prediction], label_of: Mapping[str, int]
) -> tuple[Mistake, ...]:
    """The files whose most probable class is not their label, the most confident first.

    Args:
      classes: names of the classes.
      found: predictions by path.
      label_of: class number of each file's label, by path.
    """
    mistakes = []
    for path, prediction in found.items():
        calibrated, label = prediction.answer.probabilities, label_of[path]
        answer = int(calibrated.argmax())
        if answer != label:
            surest = float(calibrated[answer]), float(calibrated[label])
            mistakes.append(Mistake(path, classes[label], classes[answer], *surest))
    return tuple(sorted(mistakes, key=lambda one: -one.probability))


def _confusion_lines(tracks: Predictions) -> list[str]:
    """A line for each class that files have: its recall, and the counts of predictions."""
    counts = confusion_matrix(tracks)
    cell = max(3, len(str(counts.max())) + 1)
    width = max(map(len, tracks.classes))
    heads = "".join(f"{number:>{cell}}" for number in range(1, len(tracks.classes) + 1))
    lines = [f"{'label':<{width + 3}}  {'recall':<20} {'files':>5} {heads}  (answers by number)"]
    for number, (row, counted) in enumerate(zip(per_class(tracks), counts, strict=True), 1):
        cells = "".join(f"{count or '·':>{cell}}" for count in counted)
        recall = format_interval(row["recall"])
        lines.append(
            f"{number:>2} {row['class']:<{width}}  {recall:<20} {row['support']:>5} {cells}"
        )
    return list(map(printable, lines))


def left_out_lines(left_out: Sequence[LeftOut]) -> list[str]:
    """How many files were left out, by reason; each unusable file on a line of its own."""
    lines = [f"{len(left_out)} files left out:"]
    for kind, reason in REASONS.items():
        those = [one for one in left_out if one.kind == kind]
        if kind == "unusable":
            lines += [f"  {one.reason}" for one in those]
        elif those:
            lines.append(f"  {len(those)}: {reason} ({some_names(one.path for one in those)})")
    return lines


def write_lists(
    folder: Path, name: str, mistakes: Sequence[Mistake], left_out: Sequence[LeftOut]
) -> None:
    """Writes the mistakes and the files left out as two CSV files.

    Args:
      folder: the folder to write to.
      name: name of the result, with which the names of both files begin.
      mistakes: all mistakes.
      left_out: all files left out.
    """
    for suffix, kind, rows in (("mistakes", Mistake, mistakes), ("left_out", LeftOut, left_out)):
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([field.name for field in fields(kind)])
        writer.writerows(astuple(row) for row in rows)
        write_text(folder / f"{name}_{suffix}.csv", text.getvalue())
