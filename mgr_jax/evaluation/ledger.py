"""The results ledger: one line of JSON per result. The pages of results are rendered from it.

A line is never removed; a newer result gets a line of its own.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import mgr_jax
from mgr_jax.errors import UserError
from mgr_jax.evaluation.protocol import Protocol
from mgr_jax.evaluation.results import format_interval
from mgr_jax.files import lock, require_regular, require_writable, write_text
from mgr_jax.integrity import read_line, seal_line


@dataclasses.dataclass(frozen=True)
class Entry:
    """One result. A line of the ledger leaves out unknown fields.

    Attributes:
      system: the system that made the predictions, such as "log_mel + choi_crnn".
      metric: such as "accuracy".
      score: [value, low, high] of the 95 % interval; low and high are None if there is no interval.
      level: of the score: "track" or "segment".
      aggregation: how segments became tracks; see `Predictions.by_track`.
      split: the scored split.
      tracks: their number.
      protocol: see `Protocol.as_dict`.
      dataset: the training data, such as "rendered/demo".
      spec: of the config, such as "choi2016:model=crnn,data=gtzan".
      overrides: the fields that this run changed, such as {"batch_size": 32}.
      config: SHA-256 of the resolved config as JSON.
      seconds: training time.
      hardware: `devices` for the training, and `processor` and `cores` of the machine on which the
        result was recorded.
      commit: of mgr_jax when it was recorded, in a checkout; "+" means uncommitted changes.
      version: of mgr_jax at that time.
      jax: version of jax at that time.
      date: of the record.
      by_hand: whether a person wrote it and there is no run.
      command: the command that reproduces it, if it was written by hand.
      note: further remarks.
      cells: where pages show it: [table, row, column] each.
    """

    system: str
    metric: str
    score: tuple[float | None, float | None, float | None]
    level: str = "track"
    aggregation: str = "probabilities"
    split: str = ""
    tracks: int | None = None
    protocol: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    dataset: str = ""
    spec: str = ""
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    config: str | None = None
    seconds: float | None = None
    hardware: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    commit: str | None = None
    version: str | None = None
    jax: str | None = None
    date: str | None = None
    by_hand: bool = False
    command: str = ""
    note: str = ""
    cells: tuple[tuple[str, str, str], ...] = ()

    def __str__(self) -> str:
        """The score with its interval, in the form of the pages."""
        value, *interval = self.score
        return f"{value:.3f}" if None in interval else format_interval(self.score)

    @property
    def identity(self) -> tuple[Any, ...]:
        """The fields that two entries of one result share."""
        return (
            self.system, self.dataset, self.config, self.metric, self.level, self.aggregation,
            self.split, self.score, json.dumps(self.protocol, sort_keys=True), self.commit,
            self.version,
        )  # fmt: skip

    def to_json(self) -> str:
        """One line of the ledger, with a sum. A line written by hand needs no sum."""
        fields = dataclasses.fields(self)
        content = {field.name: getattr(self, field.name) for field in fields}
        known = {name: value for name, value in content.items() if value}
        return seal_line(known, ascii_only=False)

    @classmethod
    def from_json(cls, line: str) -> "Entry":
        """Reads a line.

        Raises:
          ValueError: it is not a line of the ledger.
        """
        content = read_line(line.encode("utf-8"))
        try:
            content["score"] = value, low, high = tuple(content["score"])
            content["cells"] = tuple(tuple(cell) for cell in content.get("cells", ()))
            if any(len(cell) != 3 for cell in content["cells"]):
                raise ValueError("a cell is not [table, row, column]")
            if not all(type(number) in (int, float) for number in (value, low or 0, high or 0)):
                raise ValueError("a score is no number")
            entry = cls(**content)
            if entry.protocol or not entry.by_hand:
                Protocol.from_dict(entry.protocol)
        except (TypeError, LookupError) as error:
            raise ValueError(str(error)) from error
        return entry


def read_ledger(path: Path) -> list[Entry]:
    """Reads all entries in order; none if there is no file.

    Raises:
      UserError: a line is damaged.
    """
    entries: list[Entry] = []
    if not path.exists():
        return entries
    require_regular(path)
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        try:
            if line.strip():
                entries.append(Entry.from_json(line.decode("utf-8")))
        except ValueError as error:
            raise UserError(
                f"{path}, line {number} is no result ({error}); restore it, or take the crc32 out "
                "of it if it was changed by hand",
                code="ledger.damaged",
            ) from error
    return entries


def add_entry(path: Path, entry: Entry) -> Entry | None:
    """Appends an entry, unless the ledger already has one of the same result.

    Args:
      path: of the ledger.
      entry: to append.

    Returns:
      The existing entry of that result, if there is one; then nothing is changed.

    Raises:
      UserError: the ledger is damaged or cannot be written.
    """
    require_writable(path)
    with lock(path.with_name(f".{path.name}.lock"), f"waiting for another {path}", wait=True):
        for other in read_ledger(path):
            if other.identity == entry.identity:
                return other
        before = path.read_text(encoding="utf-8").rstrip("\n") if path.exists() else ""
        write_text(path, f"{before}\n{entry.to_json()}\n".lstrip("\n"))
    return None


def results_of(spec: str, entries: Iterable[Entry] | None = None) -> list[Entry]:
    """The results of a config and its variants; see `read_ledger`.

        results_of("choi2016:model=crnn")  # on every dataset, as in …,data=gtzan

    Args:
      spec: name of a config, with or without arguments.
      entries: to search; None: the ledger that comes with mgr_jax.
    """
    entries = read_ledger(shipped_ledger()) if entries is None else entries
    variants = (f"{spec}:", f"{spec},")
    return [entry for entry in entries if entry.spec == spec or entry.spec.startswith(variants)]


def shipped_ledger() -> Path:
    """`docs/results.jsonl` of a checkout, `mgr_jax/_results.jsonl` of a wheel."""
    package = Path(mgr_jax.__file__).parent
    within = package / "_results.jsonl"
    return within if within.exists() else package.parent / "docs" / "results.jsonl"
