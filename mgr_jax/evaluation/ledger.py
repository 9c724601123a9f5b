"""The results ledger: one line of JSON for every result, from which pages of results are rendered.

A line is a result that stays where it is; what supersedes it is a line of its own.
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
    """One result. A line of the ledger leaves out what is not known.

    Attributes:
      system: what made the predictions, such as "log_mel + choi_crnn".
      metric: what was measured, such as "accuracy".
      score: [value, low, high] of its 95 % interval, whose ends are None where there is none.
      level: of the score: "track" or "segment".
      aggregation: how segments became tracks; see `Predictions.by_track`.
      split: that was scored.
      tracks: how many.
      protocol: see `Protocol.as_dict`.
      dataset: that was trained on, such as "rendered/demo".
      spec: of the config, such as "choi2016:model=crnn,data=gtzan".
      overrides: its fields that were something else in this run, as in {"batch_size": 32}.
      config: SHA-256 of the resolved config as JSON.
      seconds: that training took.
      hardware: `devices` that were trained on, and `processor` and `cores` of the machine on which
        the result was recorded.
      commit: of mgr_jax when it was recorded, if that is a checkout; a "+" behind it tells of
        changes that were not committed.
      version: of mgr_jax then.
      jax: the version then.
      date: when it was recorded.
      by_hand: whether somebody has written it down, and no run stands behind it.
      command: that gives it again, where it was written by hand.
      note: what else is to be known.
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
        """The score with its interval, as pages show it."""
        value, *interval = self.score
        return f"{value:.3f}" if None in interval else format_interval(self.score)

    @property
    def identity(self) -> tuple[Any, ...]:
        """What two entries of one result have in common."""
        return (
            self.system, self.dataset, self.config, self.metric, self.level, self.aggregation,
            self.split, self.score, json.dumps(self.protocol, sort_keys=True), self.commit,
            self.version,
        )  # fmt: skip

    def to_json(self) -> str:
        """One line of the ledger, with a sum of it; one that is written by hand needs none."""
        fields = dataclasses.fields(self)
        content = {field.name: getattr(self, field.name) for field in fields}
        known = {name: value for name, value in content.items() if value}
        return seal_line(known, ascii_only=False)

    @classmethod
    def from_json(cls, line: str) -> "Entry":
        """Reads a line back.

        Raises:
          ValueError: it is none.
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
    """Reads all entries, in their order; there are none where there is no file.

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
    """Appends an entry, unless the ledger has one of the same result.

    Returns:
      The entry of that result which stands there already, if there is one: nothing was changed.

    Raises:
      UserError: the ledger is damaged, or cannot be written.
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
    """What a config has scored, its variants included; see `read_ledger`.

        results_of("choi2016:model=crnn")  # also on every dataset, as in …,data=gtzan

    Args:
      spec: name of a config, with arguments or without.
      entries: to look among; None: those that mgr_jax comes with.
    """
    entries = read_ledger(shipped_ledger()) if entries is None else entries
    variants = (f"{spec}:", f"{spec},")
    return [entry for entry in entries if entry.spec == spec or entry.spec.startswith(variants)]


def shipped_ledger() -> Path:
    """`docs/results.jsonl` of a checkout, `mgr_jax/_results.jsonl` of a wheel."""
    package = Path(mgr_jax.__file__).parent
    within = package / "_results.jsonl"
    return within if within.exists() else package.parent / "docs" / "results.jsonl"
