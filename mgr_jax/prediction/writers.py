"""Results in other formats than the record: CSV, Parquet, Audacity's labels, playlists.

They are made from the record. A single file for all songs lies beside the record, with its name; so
do the folders of labels and of playlists.
"""

import contextlib
import io
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from mgr_jax.errors import UserError, is_disk_full, printable, some_names
from mgr_jax.files import write_quickly
from mgr_jax.prediction.entries import entry_of
from mgr_jax.prediction.origin import Origin
from mgr_jax.prediction.places import require_no_file
from mgr_jax.prediction.playlists import Playlists
from mgr_jax.prediction.record import Record, Writer, line_of
from mgr_jax.prediction.rows import ResultRow, rows_of
from mgr_jax.prediction.stream import FilePrediction
from mgr_jax.prediction.tables import (
    Csv,
    Parquet,
    csv_header,
    csv_rows,
    import_pyarrow,
    write_parquet,
)

FORMATS = ("jsonl", "csv", "parquet", "audacity", "m3u")
OURS = ".mgr-jax"  # in the names of files beside songs; no other program uses it
_TOP, _LIKELY = 3, 0.1  # classes in a label, and the least probability of undecided ones
SUFFIXES = {"jsonl": ".jsonl", "csv": ".csv", "parquet": ".parquet", "audacity": ".txt"}


def create_writers(
    out: Path, formats: Sequence[str], origin: Origin, record: Record, *, beside: bool = False
) -> list[Writer]:
    """Makes the writers of formats; they have written nothing yet.

    Args:
      out: path of the record without its suffix.
      formats: some of FORMATS.
      origin: origin of the results.
      record: the record that they are made from.
      beside: write one file beside each song, in place of one for all.

    Returns:
      One writer per format.

    Raises:
      UserError: a file of that name exists and holds something else, or pyarrow is missing.
    """
    writers: list[Writer] = []
    for name in dict.fromkeys(formats):
        if name == "parquet":
            import_pyarrow()
        if beside:
            writers.append(Single(name, origin, place_beside(SUFFIXES[name])))
        elif name == "csv":
            writers.append(Csv(with_suffix(out, ".csv"), origin, record))
        elif name == "parquet":
            writers.append(Parquet(with_suffix(out, ".parquet"), origin, record))
        elif name == "m3u":
            writers.append(Playlists(with_suffix(out, ".playlists"), origin, record))
        elif name == "audacity":
            place = place_below(with_suffix(out, ".labels"), ".txt")
            writers.append(Single(name, origin, place))
    return writers


def written_by(out: Path, formats: Sequence[str], *, beside: bool) -> list[str]:
    """The paths that `create_writers` writes for all songs, the record among them.

    Args:
      out: path of the record without its suffix.
      formats: some of FORMATS.
      beside: write one file beside each song.
    """
    kinds = {"csv": ".csv", "parquet": ".parquet", "m3u": ".playlists/", "audacity": ".labels/"}
    others = [kinds[name] for name in dict.fromkeys(formats) if name in kinds and not beside]
    return [f"{out}{suffix}" for suffix in (".jsonl", *others)]


def with_suffix(out: Path, suffix: str) -> Path:
    """The path with a suffix added."""
    return out.with_name(out.name + suffix)


def place_beside(suffix: str) -> Callable[[str], Path]:
    """A function that gives the path of the file beside a song, by the song's name."""
    return lambda name: Path(f"{name}{OURS}{suffix}")


def place_below(folder: Path, suffix: str) -> Callable[[str], Path]:
    """A function that gives the path of a song's file in a folder.

    The path is that of the song below the folder; its absolute path if that would lead upwards.

    Args:
      folder: the folder of the files.
      suffix: suffix added to the song's name.

    Raises:
      UserError: a file has the name of the folder.
    """
    require_no_file(folder)

    def place(name: str) -> Path:
        inner = Path(name)
        if inner.is_absolute() or ".." in inner.parts:
            inner = Path(os.path.abspath(inner)).relative_to("/")
        return folder / f"{inner}{suffix}"

    return place


class PerFile(Writer):
    """Writes a file for each song; one that cannot be written does not stop the others."""

    def __init__(self, place: Callable[[str], Path]) -> None:
        """Writes nothing yet.

        Args:
          place: a function that gives the path of a song's file by the song's name.
        """
        self.place = place
        self._failed: dict[str, str] = {}

    def write(self, path: Path, file: FilePrediction) -> None:
        """Writes the file of a song."""
        raise NotImplementedError

    def remove(self, path: Path, file: FilePrediction) -> None:
        """Removes the file of a song, if there is one."""
        path.unlink()

    def add(self, file: FilePrediction) -> None:
        """Writes the file of a song, or records why that failed."""
        path = self.place(file.name)
        try:
            self.write(path, file)
        except OSError as error:
            if is_disk_full(error):
                raise
            self._failed[str(path)] = error.strerror or str(error)

    def forget(self, file: FilePrediction) -> None:
        """Removes the file of a song."""
        with contextlib.suppress(OSError):
            self.remove(self.place(file.name), file)

    def close(self) -> None:
        """Reports files that could not be written.

        Raises:
          UserError: there are some.
        """
        if self._failed:
            name, reason = next(iter(self._failed.items()))
            raise UserError(
                f"{len(self._failed)} files could not be written, the first of them {name} "
                f"({reason}), but the record has the results of all songs; change the permissions "
                "there or the names of the songs, and run the same command again",
                code="results.not_written",
            )


class Single(PerFile):
    """A file for each song in one of the formats; files of other programs are not touched."""

    def __init__(self, name: str, origin: Origin, place: Callable[[str], Path]) -> None:
        """Writes nothing yet.

        Args:
          name: name of the format.
          origin: origin of the results.
          place: a function that gives the path of a song's file by the song's name.
        """
        super().__init__(place)
        self._name, self._origin = name, origin
        self._foreign: list[str] = []

    def write(self, path: Path, file: FilePrediction) -> None:
        """Writes the file of a song, unless there is a file of another program."""
        content = self._content(file)
        there = path.read_bytes() if path.exists() else b""  # after a power cut
        if there and content and there != content:
            self._foreign.append(str(path))
        elif content and not there:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_quickly(path, content)

    def remove(self, path: Path, file: FilePrediction) -> None:
        """Removes the file, unless it holds something else."""
        content = self._content(file)
        if content and path.read_bytes() == content:
            path.unlink()

    def close(self) -> None:
        """Reports files that were not written."""
        if self._foreign:
            warnings.warn(
                f"{len(self._foreign)} files of other programs have the names of results, and were "
                f"not changed ({some_names(self._foreign)}); remove them, and run the same command "
                "again",
                stacklevel=2,
            )
        super().close()

    def _content(self, file: FilePrediction) -> bytes:
        """The file's content; empty if there is nothing to write."""
        entry = entry_of(file, self._origin)
        if self._name == "audacity":
            return labels(entry).encode()
        if self._name == "jsonl":
            return line_of(file, self._origin).encode()
        if self._name == "csv":
            return (csv_header(self._origin) + csv_rows(entry, self._origin)).encode()
        buffer = io.BytesIO()
        write_parquet(buffer, rows_of(entry), self._origin)
        return buffer.getvalue()


def labels(entry: dict[str, Any]) -> str:
    """Labels as Audacity imports them: start, end and label, with tabs between, in seconds.

    They are those of the sections, else of the windows of a timeline, else of the whole track.
    """
    rows = list(rows_of(entry))
    for unit in ("section", "window", "track"):
        if chosen := [row for row in rows if row.unit == unit and row.label]:
            return "".join(f"{r.start:.6f}\t{r.end:.6f}\t{_label(r)}\n" for r in chosen)
    return ""


def _label(row: ResultRow) -> str:
    """The decided classes, and other likely ones in brackets: jazz 0.71 (blues 0.18)."""
    numbers = row.probabilities

    def say(names: Iterable[str]) -> str:
        return ", ".join(f"{printable(name)} {numbers[name]:.2f}" for name in names)

    others = [n for n in numbers if n not in row.labels and numbers[n] >= _LIKELY]
    others.sort(key=lambda name: -numbers[name])
    text = say(row.labels) or row.label
    likely = others[: max(_TOP - len(row.labels), 0)]
    return f"{text} ({say(likely)})" if likely else text
