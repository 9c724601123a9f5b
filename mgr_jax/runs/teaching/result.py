"""The result of teaching: scores, scores of other systems, the choice of head, and notes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgr_jax.errors import UserError, printable
from mgr_jax.evaluation import Result
from mgr_jax.files import write_text
from mgr_jax.runs.folder_result import LeftOut, left_out_lines
from mgr_jax.runs.teaching.scores import UNTRAINED

_WIDTH = 80
_NOTES = 4


@dataclass(frozen=True)
class Taught:
    """A model that was taught.

    Attributes:
      path: path of its folder.
      result: result of the outer folds; `result.tracks` has the prediction of every song.
      account: all that teach.json holds.
      added_to: folders whose songs were taught before.
    """

    path: Path
    result: Result
    account: dict[str, Any]
    added_to: tuple[str, ...] = ()

    @property
    def scores(self) -> list[dict[str, Any]]:
        """A row per system: its name `system`, `accuracy` and `macro_f1` as [value, low, high]."""
        return self.account["scores"]

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """The files that were left out, and why."""
        return tuple(LeftOut(**one) for one in self.account["left_out"])

    def __str__(self) -> str:
        """At most nineteen lines of eighty columns."""
        account, notes = self.account, self.account["notes"]
        songs, genres = len(account["songs"]), len(account["genres"])
        by = ", ".join(f"{count} by {name}" for name, count in account["groups"].items())
        lines = [
            f"{songs} songs of {genres} genres in {account['group_count']} groups ({by}).",
            f"Scores of {account['folds']} folds that keep groups apart, 95 % intervals:",
            f"  {'':<20} {'accuracy':<22} macro F1",
        ]
        for row in self.scores:
            numbers = [_short(row[name]) for name in ("accuracy", "macro_f1")]
            lines.append(f"  {row['system']:<20} {numbers[0]:<22} {numbers[1]}")
        lines.append(f"Chosen by cross-validation: {account['choice']['head']}")
        if UNTRAINED in {row["system"] for row in self.scores}:
            lines.append(
                f"  and the encoder's own outputs, with weight "
                f"{account['choice']['untrained_weight']:g} ({len(account['mapping'])} of "
                f"{genres} genres have one)."
            )
        if count := len(account["left_out"]):
            lines.append(f"{count} file{'s' * (count > 1)} left out, see teach.md.")
        lines += notes[:_NOTES]
        if len(notes) > _NOTES:
            lines.append(f"{len(notes) - _NOTES} more notes in teach.md.")
        lines.append(f"Wrote {self.path}")
        return "\n".join(_cut(printable(line)) for line in lines)


def write_teach_report(made: Taught) -> None:
    """Writes teach.md, and pictures if matplotlib is installed."""
    account, choice = made.account, made.account["choice"]
    lines = [f"# {made.path.name}: {made.result.scores['system']}", ""]
    lines += [f"{made.result.protocol.sentence}.", ""]
    lines += ["| system | accuracy | macro F1 |", "|---|---|---|"]
    lines += [
        f"| {row['system']} | {_short(row['accuracy'])} | {_short(row['macro_f1'])} |"
        for row in made.scores
    ]
    lines += ["", "| genre | songs | the encoder's own classes |", "|---|---|---|"]
    lines += [
        f"| {genre} | {count} | {', '.join(account['mapping'].get(genre, ()))} |"
        for genre, count in account["genres"].items()
    ]
    weight = f"{choice['untrained_weight']:g}"
    lines += ["", f"Chosen: {choice['head']}; untrained outputs weigh {weight}. In the folds:", ""]
    lines += [f"* {told}" for told in choice["of_folds"]]
    if account["notes"]:
        lines += ["", *(f"* {note}" for note in account["notes"])]
    if made.left_out:
        lines += ["", *left_out_lines(made.left_out)]
    seconds = ", ".join(f"{name} {value:.1f}" for name, value in account["seconds"].items())
    lines += ["", f"Seconds: {seconds}.", ""]
    write_text(made.path / "teach.md", "\n".join(lines))
    try:
        from mgr_jax.runs.report import write_report

        write_report(made.path, split="outer_folds")
    except UserError as error:
        if error.code != "package.missing":
            raise


def _short(numbers: list[float | None]) -> str:
    value, low, high = ("n/a" if x is None else f"{x:.3f}" for x in numbers)
    return f"{value} [{low}, {high}]"


def _cut(line: str) -> str:
    """A line, broken before the first word that does not fit."""
    if len(line) <= _WIDTH or " " not in line[: _WIDTH + 1].strip():
        return line
    head, _, rest = line[: _WIDTH + 1].rpartition(" ")
    rest += line[_WIDTH + 1 :]
    return f"{head}\n{_cut('  ' + rest)}"
