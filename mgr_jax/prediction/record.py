"""The record of predictions: one line per file, from which the same command resumes."""

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mgr_jax.errors import UserError, some_names
from mgr_jax.files import append, lock, write_file
from mgr_jax.integrity import read_line, seal_line
from mgr_jax.prediction.entries import entry_of, file_of, origin_of, require_known_schema
from mgr_jax.prediction.origin import Origin
from mgr_jax.prediction.places import require_file
from mgr_jax.prediction.stream import FilePrediction

SUFFIX = ".jsonl"
_BEGIN = b'{"schema": '  # start of every line
_DIGESTED = ("table", "features", "genre_tree")  # settings that are compared, but not shown


@dataclass(frozen=True)
class State:
    """Identifies the version of a file.

    Attributes:
      size: in bytes; None if unknown.
      modified: in nanoseconds since 1970.
    """

    size: int | None = None
    modified: int | None = None

    @classmethod
    def of(cls, name: str) -> "State":
        """The state of a file now."""
        try:
            found = os.stat(name)
        except (OSError, ValueError):
            return cls()
        return cls(found.st_size, found.st_mtime_ns)


@dataclass(frozen=True)
class Known:
    """A file's entry in brief, without parsing its whole line.

    Attributes:
      state: state of the file when it was predicted.
      error: why it could not be read; empty if it could.
      code: code of that error.
      offset: position of its line.
    """

    state: State
    error: str
    code: str
    offset: int


class Record:
    """A file of sealed lines, one for each file; read when it is opened, then appended to.

    It holds results of one model and one set of settings. A line that a kill left half-written is
    cut off. A damaged line is reported, and its file counts as new. If a file has several lines,
    the last one counts.

    Attributes:
      path: path of the record.
      known: the brief entry of each file, by name.
    """

    def __init__(self, path: Path, origin: Origin, *, read_only: bool = False) -> None:
        """Opens a record, or makes one.

        Args:
          path: path of the record.
          origin: origin of the added results, which must be that of the existing ones.
          read_only: change nothing, and hold no lock.

        Raises:
          UserError: another process writes it, it is not a record, a later version wrote it, or it
            holds results of another model or of other settings.
        """
        self.path, self._origin = path, origin
        self.known: dict[str, Known] = {}
        self._dropped = False  # whether it has outdated lines
        self._held = contextlib.ExitStack()
        if not read_only:
            told = (
                f"{path} is being written by another process, or by unfinished predictions of this "
                "one; wait until it is done, or close them (`close()`)"
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
        """Appends the outcome for a file, flushed to the disk."""
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
        """The outcomes of all files, in the order of the record."""
        return map(file_of, self.entries())

    def file(self, name: str) -> FilePrediction:
        """The outcome for a file."""
        with self.path.open("rb") as file:
            file.seek(self.known[name].offset)
            return file_of(read_line(file.readline()))

    def forget(self, name: str) -> None:
        """Ignores the entry of a file that is predicted again; its line stays until then."""
        if self.known.pop(name, None):
            self._dropped = True

    def close(self) -> None:
        """Removes outdated lines, and releases the lock."""
        try:
            if self._dropped:
                self._rewrite()
        finally:
            self._held.close()

    def release(self) -> None:
        """Releases the lock."""
        self._held.close()

    def _read(self) -> None:
        self.known, self._dropped = {}, False
        if not self.path.exists():
            return
        require_file(self.path)
        damaged, offset, half = [], 0, b""
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    entry = parse_line(line, str(self.path))
                    self._require_same(origin_of(entry))
                    known = _known_of(entry, offset)
                except (ValueError, TypeError, LookupError, AttributeError):
                    self._dropped = True
                    if not line.strip():  # an editor leaves it so
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
                f"{self.path} is damaged in {say_lines(damaged)}; the files of these lines "
                "are predicted again",
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
                    f"{self.path} was made with {told}; give the same, {way_out}",
                    code="results.other_settings",
                )

    def _foreign(self) -> UserError:
        return UserError(
            f"{self.path} is not a record of predictions, or all of it is damaged; choose another "
            "`out`, or remove it",
            code="results.foreign_file",
        )

    def _rewrite(self) -> None:
        """Keeps only the lines that count."""

        def write(file: IO[bytes]) -> None:
            with self.path.open("rb") as old:
                for known in sorted(self.known.values(), key=lambda one: one.offset):
                    old.seek(known.offset)
                    file.write(old.readline())

        write_file(self.path, write)
        self._read()


class Writer:
    """Receives the outcomes of files, one after the other; this base class ignores them."""

    def begin(self, record: Record) -> None:
        """Receives the outcomes that the record holds already."""
        for file in record.files():
            self.add(file)

    def add(self, file: FilePrediction) -> None:
        """Receives the outcome for a file, which is in the record already."""

    def forget(self, file: FilePrediction) -> None:
        """Removes the output for a file that is predicted again; called before `begin`."""

    def replace(self, old: FilePrediction, new: FilePrediction) -> None:
        """Replaces the outcome for a file.

        Args:
          old: the outcome that it received before.
          new: the outcome now.
        """
        self.forget(old)
        self.add(new)

    def lacks(self, name: str) -> str:
        """Names what is missing for a file and cannot be made from the record; "" if nothing is."""
        return ""

    def close(self) -> None:
        """Finishes the output; not called when the work was interrupted."""


def line_of(file: FilePrediction, origin: Origin) -> str:
    """A line of the record."""
    return seal_line(entry_of(file, origin)) + "\n"


def parse_line(line: bytes, name: str) -> dict[str, Any]:
    """The entry in a line of a record.

    Args:
      line: the line.
      name: name of the record, for the message.

    Raises:
      UserError: a later version wrote it.
      ValueError: it is not an entry, or damaged.
      LookupError: likewise.
    """
    if not line.endswith(b"\n"):
        raise ValueError("it is half of one")
    entry = read_line(line)
    require_known_schema(entry["schema"], name)
    return entry


def say_lines(numbers: Sequence[int]) -> str:
    """Line numbers as part of a sentence."""
    return f"line{'s' if len(numbers) > 1 else ''} {some_names(map(str, numbers))}"


def _known_of(entry: Mapping[str, Any], offset: int) -> Known:
    file_of(entry)  # raises if a field is missing
    state = State(entry["size"], entry["modified"])
    return Known(state, entry.get("error", ""), entry.get("code", ""), offset)
