"""The record of predictions: a line for every file, from which the same command goes on."""

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mgr_jax.errors import UserError, some_names
from mgr_jax.files import append, lock, require_regular, write_file
from mgr_jax.integrity import read_line, seal_line
from mgr_jax.prediction.origin import Origin
from mgr_jax.prediction.rows import (
    entry_of,
    file_of,
    origin_of,
    require_known_schema,
)
from mgr_jax.prediction.stream import FilePrediction

SUFFIX = ".jsonl"
_BEGIN = b'{"schema": '  # of every line
_DIGESTED = ("table", "features", "genre_tree")  # settings that are told apart, but not told


@dataclass(frozen=True)
class State:
    """What tells whether a file is the one that was predicted.

    Attributes:
      size: in bytes; None where it cannot be told.
      modified: in nanoseconds since 1970.
    """

    size: int | None = None
    modified: int | None = None

    @classmethod
    def of(cls, name: str) -> "State":
        """That of a file now."""
        try:
            found = os.stat(name)
        except (OSError, ValueError):
            return cls()
        return cls(found.st_size, found.st_mtime_ns)


@dataclass(frozen=True)
class Known:
    """What is known of a file without reading all of its line.

    Attributes:
      state: it had when it was predicted.
      error: why it could not be read; empty where it could.
      code: of that error.
      offset: of its line.
    """

    state: State
    error: str
    code: str
    offset: int


class Record:
    """A file of sealed lines, one for each file; read when it is opened, then added to.

    It holds results of one model and one set of settings. A line that a kill has left half-written
    is cut off; one that is damaged is told, and its file counts as new. Where a file has several,
    the last counts.

    Attributes:
      path: of the file.
      known: what is known of each file that it tells of.
    """

    def __init__(self, path: Path, origin: Origin, *, read_only: bool = False) -> None:
        """Opens or begins a record.

        Args:
          path: of the file.
          origin: of what is added, and of what it must hold already.
          read_only: change nothing, and hold no lock.

        Raises:
          UserError: somebody else writes it, it is no record, a later version wrote it, or it
            holds results of another model or of other settings.
        """
        self.path, self._origin = path, origin
        self.known: dict[str, Known] = {}
        self._dropped = False  # whether it has lines that do not count
        self._held = contextlib.ExitStack()
        if not read_only:
            told = (
                f"{path} is being written by another process, or in this one by predictions that "
                "were neither finished nor closed (`close()`); wait until that is done"
            )
            self._held.enter_context(lock(path.with_name(f".{path.name}.lock"), told))
        try:
            self._read()
            if self._dropped and not read_only:
                self._rewrite()
        except BaseException:
            self._held.close()
            raise

    def add(self, file: FilePrediction) -> None:
        """Notes what came of a file, for good."""
        line = line_of(file, self._origin).encode()
        offset = self.path.stat().st_size if self.path.exists() else 0
        append(self.path, line)
        self._dropped |= file.name in self.known
        code = getattr(file.error, "code", "")
        state = State(file.size, file.modified)
        self.known[file.name] = Known(state, str(file.error or ""), code, offset)

    def entries(self) -> Iterator[dict[str, Any]]:
        """The entries of all files, in the order of the record."""
        if not self.known:
            return
        with self.path.open("rb") as file:
            for known in sorted(self.known.values(), key=lambda one: one.offset):
                file.seek(known.offset)
                yield read_line(file.readline())

    def files(self) -> Iterator[FilePrediction]:
        """What came of all files, in the order of the record."""
        return map(file_of, self.entries())

    def file(self, name: str) -> FilePrediction:
        """What came of a file."""
        with self.path.open("rb") as file:
            file.seek(self.known[name].offset)
            return file_of(read_line(file.readline()))

    def forget(self, name: str) -> None:
        """Leaves out a file that is to be predicted anew; its line stays until that is done."""
        if self.known.pop(name, None):
            self._dropped = True

    def close(self) -> None:
        """Removes lines that have been replaced, and lets others write it."""
        try:
            if self._dropped:
                self._rewrite()
        finally:
            self._held.close()

    def release(self) -> None:
        """Lets others write it."""
        self._held.close()

    def _read(self) -> None:
        self.known, self._dropped = {}, False
        if not self.path.exists():
            return
        require_regular(self.path)
        damaged, offset, half = [], 0, b""
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    entry = parse_line(line, str(self.path))
                    self._require_same(origin_of(entry))
                    known = _known_of(entry, offset)
                except (ValueError, TypeError, LookupError, AttributeError):
                    self._dropped = True
                    if not line.strip():  # as an editor leaves it
                        pass
                    elif line.endswith(b"\n"):
                        damaged.append(number)
                    else:
                        half = line[: len(_BEGIN)]
                else:
                    self._dropped |= entry["file"] in self.known
                    self.known[entry["file"]] = known
                offset += len(line)
        if not self.known and (damaged or not _BEGIN.startswith(half)):
            raise self._foreign()
        if damaged:
            warnings.warn(
                f"{self.path} is damaged in {say_lines(damaged)}; the files that were told there "
                "are predicted anew",
                stacklevel=4,
            )

    def _require_same(self, found: Origin) -> None:
        way_out = "choose another `out`, or remove it"
        if found.model_digest != self._origin.model_digest:
            other = f"({found.model})" if found.model != self._origin.model else "or older weights"
            raise UserError(
                f"{self.path} holds predictions of another model {other}; {way_out}",
                code="results.other_model",
            )
        for name in {**found.settings, **self._origin.settings}:
            begun, now = found.settings.get(name), self._origin.settings.get(name)
            if begun != now:
                told = f"{name} = {begun}, not {now}"
                if name in _DIGESTED:
                    told = f"another `{name}`" if begun else f"no `{name}`"
                raise UserError(
                    f"{self.path} was begun with {told}; give the same, {way_out}",
                    code="results.other_settings",
                )

    def _foreign(self) -> UserError:
        return UserError(
            f"{self.path} is no record of predictions, or all of it is damaged; choose another "
            "`out`, or remove it",
            code="results.foreign_file",
        )

    def _rewrite(self) -> None:
        """Keeps the lines that count."""

        def write(file: IO[bytes]) -> None:
            with self.path.open("rb") as old:
                for known in sorted(self.known.values(), key=lambda one: one.offset):
                    old.seek(known.offset)
                    file.write(old.readline())

        write_file(self.path, write)
        self._read()


class Writer:
    """Takes what came of files, one after the other; this one does nothing with it."""

    def begin(self, record: Record) -> None:
        """Catches up with what the record holds already."""
        for file in record.files():
            self.add(file)

    def add(self, file: FilePrediction) -> None:
        """Takes what came of a file, which is in the record already."""

    def forget(self, file: FilePrediction) -> None:
        """Takes back what was written of a file that is to be predicted anew; before `begin`."""

    def replace(self, old: FilePrediction, new: FilePrediction) -> None:
        """Takes what came of a file in place of what it was given before."""
        self.forget(old)
        self.add(new)

    def lacks(self, name: str) -> str:
        """What is missing of a file in the record, and is not made of that; "" if nothing is."""
        return ""

    def close(self) -> None:
        """Ends what is written; not called where the work was stopped."""


def line_of(file: FilePrediction, origin: Origin) -> str:
    """A line of the record."""
    return seal_line(entry_of(file, origin)) + "\n"


def parse_line(line: bytes, name: str) -> dict[str, Any]:
    """The entry of a line of a record; `name` is that of the record.

    Raises:
      UserError: a later version wrote it.
      ValueError, LookupError: it is none, or damaged.
    """
    if not line.endswith(b"\n"):
        raise ValueError("it is half of one")
    entry = read_line(line)
    require_known_schema(entry["schema"], name)
    return entry


def say_lines(numbers: Sequence[int]) -> str:
    """Lines by their numbers, for a sentence."""
    return f"line{'s' if len(numbers) > 1 else ''} {some_names(map(str, numbers))}"


def _known_of(entry: Mapping[str, Any], offset: int) -> Known:
    file_of(entry)  # raises where something is missing
    state = State(entry["size"], entry["modified"])
    return Known(state, entry.get("error", ""), entry.get("code", ""), offset)


def require_ours(path: Path, begin: bytes) -> None:
    """Raises a UserError where there is a file that does not begin as ours do, nor is empty."""
    if path.is_dir():
        raise UserError(f"{path} is a folder; choose another `out`", code="file.is_folder")
    require_regular(path)
    if path.exists() and path.stat().st_size and not begins(path, begin):
        raise UserError(
            f"{path} holds something else than predictions; remove it, or choose another `out`",
            code="results.foreign_file",
        )


def begins(path: Path, begin: bytes) -> bool:
    """Whether a file begins so."""
    with path.open("rb") as file:
        return file.read(len(begin)) == begin
