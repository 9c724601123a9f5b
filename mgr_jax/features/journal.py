"""A journal of finished items. Results of a run that was killed are not computed again."""

import dataclasses
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.files import append, open_locked
from mgr_jax.workers import Failure


class ForeignJournalError(UserError):
    """The file is not a journal, is damaged, or belongs to other settings."""


class JournalInUseError(UserError):
    """Another process is writing the journal."""


class Journal:
    """A file of lines: the settings, then one entry per item. The same settings continue it.

    Each line is JSON after its CRC-32. A line that a kill left half-written is cut off; a line with
    other content than was written is an error. The file is locked while it is open.

    Attributes:
      path: of the file.
      entries: the result of each finished item: an array (its numbers come back exactly, as float64
        or int64), or the reason why it has none.
      notes: remarks about items, see `note`.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Opens or begins a journal.

        Args:
          path: of the file.
          settings: the settings that the entries depend on, of JSON's types.

        Raises:
          ForeignJournalError: the file is no journal, or was begun with other settings.
          JournalInUseError: another process has it open.
          OSError: it cannot be written.
        """
        self.path = path
        self.entries: dict[str, np.ndarray | Failure] = {}
        self._states: dict[str, Any] = {}
        self.notes: dict[str, list[str]] = {}
        try:
            self._file = open_locked(path)
        except BlockingIOError as error:
            raise JournalInUseError(
                f"{path} is being written by another process; wait until it is done",
                code="journal.in_use",
            ) from error
        try:
            size = self._read(settings)
            self._file.truncate(size)
            if not size:
                self._write([{"settings": dict(settings)}])
        except BaseException:
            if not path.stat().st_size:
                self.remove()
            self._file.close()
            raise

    def _read(self, settings: Mapping[str, Any]) -> int:
        """Reads the whole lines; returns how many bytes they are."""
        size = 0
        self._file.seek(0)
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            try:
                content = json.loads(_checked(line))
                if "notes" in content:
                    self.notes[content["of"]] = content["notes"]
                elif size:
                    self.entries[content["item"]] = _decode(content["entry"])
                    self._states[content["item"]] = content.get("state")
                else:
                    self._require_same(content["settings"], settings)
            except (ValueError, TypeError, KeyError) as error:
                raise ForeignJournalError(
                    f"{self.path} is no journal, or is damaged after {size} bytes; remove it",
                    code="journal.damaged",
                ) from error
            size += len(line)
        return size

    def _require_same(self, begun: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        for name in {**begun, **settings}:
            if begun.get(name) != settings.get(name):
                raise ForeignJournalError(
                    f"{self.path} was begun with {name} = {begun.get(name)}, not "
                    f"{settings.get(name)}; give the same, choose another name for the table, or "
                    "remove the journal",
                    code="journal.other_settings",
                )

    def forget_changed(self, states: Mapping[str, Any]) -> None:
        """Forgets the items that have changed since they were recorded.

        Args:
          states: the current state of each item, of JSON's types, such as size and times of its
            file; None if unknown. Items that are appended later are recorded with it.
        """
        for item, state in states.items():
            if self._states.get(item) != state:
                self.entries.pop(item, None)
                self.notes.pop(item, None)
        self._states = dict(states)

    def append(self, answers: Mapping[str, np.ndarray | Failure]) -> None:
        """Records the results of some items permanently."""
        lines = []
        for item, answer in answers.items():
            state = self._states.get(item)
            known = {} if state is None else {"state": state}
            lines.append({"item": item, "entry": _encode(answer), **known})
        self._write(lines)
        self.entries.update(answers)

    def note(self, item: str, sentences: Sequence[str]) -> None:
        """Records the remarks about an item, and replaces earlier ones.

        Call it before the item is appended, so that finished items have all their remarks.

        Args:
          item: its name.
          sentences: the remarks.
        """
        if sentences or item in self.notes:
            self.notes[item] = list(sentences)
            self._write([{"of": item, "notes": list(sentences)}])

    def remove(self) -> None:
        """Deletes the file, after its results have been written elsewhere."""
        self.path.unlink(missing_ok=True)

    def _write(self, lines: list[dict[str, Any]]) -> None:
        append(self.path, b"".join(_line(json.dumps(line).encode()) for line in lines))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _line(content: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(content), content)


def _checked(line: bytes) -> bytes:
    content = line[9:-1]
    if line != _line(content):
        raise ValueError("it holds something else than was written")
    return content


def _encode(answer: np.ndarray | Failure) -> Any:
    return dataclasses.asdict(answer) if isinstance(answer, Failure) else answer.tolist()


def _decode(entry: Any) -> np.ndarray | Failure:
    if isinstance(entry, str):  # as of version 0.1
        return Failure(entry)
    return Failure(**entry) if isinstance(entry, dict) else np.array(entry)
