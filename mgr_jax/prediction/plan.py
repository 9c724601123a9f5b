"""What is to be done with files, by what a record knows of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mgr_jax.errors import printable
from mgr_jax.prediction.record import Record, State

# What may be otherwise the next time although the file is the same.
TRANSIENT = (
    "workers.killed", "workers.timed_out", "workers.not_started", "file.denied", "file.not_found",
    "disk.full", "disk.refused", "audio.changed",
)  # fmt: skip


@dataclass(frozen=True)
class Planned:
    """What is to be done with a file.

    Attributes:
      file: its name.
      status: "new"; "done"; "changed" since it was predicted; "again", as it could not be read for
        a reason that may be gone; "broken", as it could not be read and has not changed.
      reason: why it could not be read.
      state: it has now.
    """

    file: str
    status: str
    reason: str = ""
    state: State = field(default_factory=State)

    @property
    def is_done(self) -> bool:
        """Whether nothing is to be done."""
        return self.status in ("done", "broken")

    def __str__(self) -> str:
        """In a line."""
        return printable(f"{self.status:<8}{self.file}" + (self.reason and f" ({self.reason})"))


def plan(names: Iterable[str], record: Record | None) -> Iterator[Planned]:
    """What is to be done with files, by what a record knows of them."""
    for name in names:
        known, state = record.known.get(name) if record else None, State.of(name)
        if not known:
            yield Planned(name, "new", state=state)
        elif known.state != state:
            yield Planned(name, "changed", state=state)
        elif known.code in TRANSIENT:
            yield Planned(name, "again", known.error, state)
        else:
            yield Planned(name, "broken" if known.error else "done", known.error, state)
