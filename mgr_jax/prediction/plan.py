"""Plans the work for files, by comparing them with a record."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mgr_jax.errors import printable
from mgr_jax.prediction.record import Record, State, Writer

# Errors that may disappear although the file does not change.
TRANSIENT = (
    "workers.killed", "workers.timed_out", "workers.not_started", "file.denied", "file.not_found",
    "disk.full", "disk.refused", "audio.changed", "audio.no_memory",
)  # fmt: skip


@dataclass(frozen=True)
class Planned:
    """The work to do for a file.

    Attributes:
      file: its name.
      status: "new"; "done"; "changed" since it was predicted; "again": it could not be read for a
        temporary reason, or its picture is missing; "broken": it could not be read and has not
        changed.
      reason: why it could not be read, or what is missing.
      state: state of the file now.
    """

    file: str
    status: str
    reason: str = ""
    state: State = field(default_factory=State)

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to do."""
        return self.status in ("done", "broken")

    def __str__(self) -> str:
        """One line of text."""
        return printable(f"{self.status:<8}{self.file}" + (self.reason and f" ({self.reason})"))


def plan(
    names: Iterable[str], record: Record | None, writers: Sequence[Writer] = ()
) -> Iterator[Planned]:
    """Plans the work for files, by what a record knows of them.

    Args:
      names: names of the files.
      record: the results so far; None: none.
      writers: writers of formats that are not made from the record alone.

    Yields:
      The work for each file.
    """
    for name in names:
        known, state = record.known.get(name) if record else None, State.of(name)
        if not known:
            yield Planned(name, "new", state=state)
        elif known.state != state:
            yield Planned(name, "changed", state=state)
        elif known.code in TRANSIENT:
            yield Planned(name, "again", known.error, state)
        elif known.error:
            yield Planned(name, "broken", known.error, state)
        elif lack := next(filter(None, (writer.lacks(name) for writer in writers)), ""):
            yield Planned(name, "again", lack, state)
        else:
            yield Planned(name, "done", state=state)
