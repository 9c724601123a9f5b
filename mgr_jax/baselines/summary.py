"""Tables of the scores of baselines: one as in FMA's paper, and one with a line per fit."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.baselines.jobs import Finished, Outcome
from mgr_jax.errors import printable
from mgr_jax.evaluation import Result, format_interval
from mgr_jax.files import together, write_text

_METRICS = ("accuracy", "macro_f1", "log_loss")
_WIDTH = 80  # of a terminal
_SHOWN = 40  # scores, where the table is too wide for one


@dataclass(frozen=True, eq=False)
class BaselineScores:
    """The scores of classifiers on feature sets.

    Attributes:
      workdir: the folder that holds them.
      finished: what was scored, in the order of the feature sets and then of the classifiers.
      failures: why the others could not be fitted, by the names of feature set and classifier.
      notes: what there was to warn of as the others were fitted.
      columns: number of columns of each feature set; 0 of arrays.
      classifiers: their names.
    """

    workdir: Path
    finished: tuple[Finished, ...]
    failures: dict[tuple[str, str], str]
    notes: tuple[str, ...]
    columns: dict[str, int]
    classifiers: tuple[str, ...]

    @classmethod
    def of(
        cls,
        workdir: Path,
        outcome: Outcome,
        sets: Mapping[str, Sequence[int]],
        classifiers: Sequence[str],
    ) -> "BaselineScores":
        """The scores of an outcome, in order.

        Args:
          workdir: the folder that holds them.
          outcome: of the jobs.
          sets: the columns of each feature set.
          classifiers: their names.
        """
        names, places = list(sets), list(classifiers)
        finished = sorted(
            outcome.finished,
            key=lambda one: (names.index(one.feature_set), places.index(one.classifier)),
        )
        return cls(
            workdir=workdir,
            finished=tuple(finished),
            failures=outcome.failures,
            notes=tuple(sorted(outcome.notes)),
            columns={name: len(positions) for name, positions in sets.items()},
            classifiers=tuple(classifiers),
        )

    @property
    def results(self) -> list[Result]:
        """The results of all scored fits."""
        return [one.result for one in self.finished]

    @property
    def warnings(self) -> list[str]:
        """The failures and the notes as sentences."""
        failed = [f"{', '.join(names)}: {reason}" for names, reason in self.failures.items()]
        return [*failed, *self.notes]

    @property
    def files(self) -> tuple[Path, ...]:
        """The tables in the work directory; none for a single classifier."""
        if len(self.columns) * len(self.classifiers) == 1:
            return ()
        return self.workdir / "baselines.md", self.workdir / "baselines.csv"

    def __str__(self) -> str:
        """The output of the command: the scores of a single classifier, or the table of several."""
        if not self.files:
            return str(self.finished[0].result)
        files = f"written: {', '.join(map(str, self.files))}"
        table = self.markdown()
        if all(len(line) <= _WIDTH for line in table.splitlines() if line.startswith("|")):
            return f"{table}\n{files}"
        width = max(len(one.feature_set) for one in self.finished) + 2
        lines = table.partition("\n|")[0].splitlines()
        for one in self.finished[:_SHOWN]:
            score = format_interval(one.result.scores["track"]["accuracy"])
            lines.append(printable(f"  {one.feature_set:<{width}}{one.classifier:<20}{score}"))
        if (more := len(self.finished) - _SHOWN) > 0:
            lines.append(f"  … and {more} more, in the tables")
        return "\n".join([*lines, files])

    def save(self) -> None:
        """Writes baselines.md and baselines.csv into the work directory."""
        with together(self.workdir) as new:
            write_text(new / "baselines.md", self.markdown() + "\n")
            write_text(new / "baselines.csv", self._csv())

    def _csv(self) -> str:
        text = io.StringIO()
        rows = [self._row(one) for one in self.finished]
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def _row(self, one: Finished) -> dict[str, Any]:
        """A line of the .csv file; scores of tracks, in their units (accuracies of 0 to 1)."""
        scores, protocol = one.result.scores, one.result.protocol
        repeats = scores.get("repeats", {})
        row = {
            "feature_set": one.feature_set,
            "columns": self.columns[one.feature_set] or "",
            "classifier": one.classifier,
            "protocol": protocol.sentence,
            "leaks": "yes" if protocol.leaks else "no",
            "split": scores["split"],
            "tracks": scores["tracks"],
            "aggregation": scores["aggregation"],
            "seeds": len(repeats.get("accuracy", [0])),
        }
        for metric in _METRICS:
            value, low, high = scores["track"].get(metric, ("", "", ""))
            row |= {metric: value, f"{metric}_low": low, f"{metric}_high": high}
        row["accuracy_std_over_seeds"] = _spread(repeats["accuracy"]) if repeats else ""
        row["segment_accuracy"] = scores["segment"]["accuracy"][0]
        return row | {"seconds": one.seconds}

    def markdown(self) -> str:
        """Accuracies: of several feature sets by classifier, or of a single one in more detail."""
        protocols = dict.fromkeys(result.protocol.sentence for result in self.results)
        scores = self.results[0].scores
        lines = [f"- {printable(text)}" for text in protocols] + [
            "",
            f"Accuracy in % of {scores['tracks']} tracks ({scores['split']}), "
            f"{100 * scores['confidence']:g} % intervals over tracks; – could not be fitted.",
            "",
        ]
        cells = {(one.feature_set, one.classifier): one for one in self.finished}
        if len(self.columns) > 1:
            lines += _lines(["features", "dim", *self.classifiers])
            for name, columns in self.columns.items():
                found = [_percent(cells.get((name, one))) for one in self.classifiers]
                lines += [_line([name, columns, *found])]
            return "\n".join(lines)
        lines += _lines(["classifier", "accuracy", "interval", "seeds", "± over seeds", "seconds"])
        (only,) = self.columns
        for classifier in self.classifiers:
            one = cells.get((only, classifier))
            lines += [_line([classifier, _percent(one), *(_details(one) if one else [""] * 4)])]
        return "\n".join(lines)


def _details(one: Finished) -> list[Any]:
    """Interval, number of seeds, spread over them, and seconds."""
    _, low, high = one.result.scores["track"]["accuracy"]
    repeats = one.result.scores.get("repeats", {}).get("accuracy", [0])
    return [
        "" if low is None else f"{100 * low:.1f} to {100 * high:.1f}",
        len(repeats),
        f"{100 * _spread(repeats):.2f}" if len(repeats) > 1 else "",
        f"{one.seconds:.1f}",
    ]


def _percent(one: Finished | None) -> str:
    return f"{100 * one.result.scores['track']['accuracy'][0]:.2f}" if one else "–"


def _spread(values: Sequence[float]) -> float:
    """Standard deviation over seeds; 0 for one seed."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _lines(names: Sequence[str]) -> list[str]:
    return [_line(names), "|" + " --- |" * len(names)]


def _line(cells: Iterable[Any]) -> str:
    shown = (printable(str(cell)).replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(shown)} |"
