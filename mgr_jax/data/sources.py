"""Marks of the files that a dataset was made from, by which a changed file is noticed.

Size and times are compared first. If the times differ, as after copying a folder, the content is
compared by its CRC-32. Zip archives hold the CRC-32 of their members, so it costs no reading there,
and a folder can be compared with the archive that it was unpacked from.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from mgr_jax.data.archives import member_sum, read_blocks
from mgr_jax.data.prepared import AGAIN
from mgr_jax.errors import UserError, some_names
from mgr_jax.integrity import has_sums, read_sealed, write_sealed

_FILE = "sources.json"


class Mark(NamedTuple):
    """The identity of a file's content.

    Attributes:
      size: in bytes; -1 if there is no file.
      times: time of its last change, and that of its inode, in ns; empty in an archive.
      crc32: CRC-32 of its content; None if it cannot be read.
    """

    size: int
    times: tuple[int, ...]
    crc32: int | None


@dataclass(frozen=True)
class SourceFile:
    """A file that a track is made from: its name in a folder or a zip archive."""

    source: Path
    name: str

    def mark(self, known: Mark | None = None) -> Mark:
        """Its mark now; the file is not read if it has the size and times of `known`."""
        if not self.source.is_dir():
            return Mark(*member_sum(self.source, self.name))
        size, *times = file_state(self.source / self.name)
        if size < 0:
            return Mark(size, (), None)
        if known and times and (size, times) == (known.size, list(known.times)):
            return known
        return Mark(size, tuple(times), self._read_crc32())

    def _read_crc32(self) -> int | None:
        total = 0
        try:
            for block in read_blocks(self.source, self.name):
                total = zlib.crc32(block, total)
        except UserError:  # the error is reported when it is loaded
            return None
        return total


def file_state(path: Path) -> tuple[int, ...]:
    """Size and times of a file, which change when it does; (-1,) if there is none.

    The second time is that of its inode: it changes even if `cp -p` restores the first one.
    """
    try:
        state = path.stat()
    except (OSError, ValueError):  # an impossible file name
        return (-1,)
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns


def write_marks(folder: Path, marks: Mapping[str, Mark]) -> None:
    """Writes the mark of each track's file to sources.json."""
    write_sealed(folder / _FILE, {"files": marks})


def read_marks(folder: Path) -> dict[str, Mark] | None:
    """Reads what `write_marks` wrote; None for a dataset without checksums.

    Version 0.1.0 wrote neither checksums nor marks, and versions under development wrote marks of
    another form before they wrote checksums.

    Raises:
      UserError: it is damaged.
    """
    path = folder / _FILE
    if not has_sums(folder):
        return None
    stored = read_sealed(path, AGAIN)
    try:
        return {
            track: Mark(size, tuple(times), crc)
            for track, (size, times, crc) in stored["files"].items()
        }
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged; {AGAIN}", code="file.damaged") from error


def digest_marks(marks: Mapping[str, Mark]) -> str:
    """A digest of the files' contents, independent of their times and order."""
    listing = sorted((track, mark.size, mark.crc32) for track, mark in marks.items())
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def digest_dataset(folder: Path) -> str:
    """A digest of a prepared dataset's source files and settings."""
    return hashlib.sha256((folder / "protocol.json").read_bytes()).hexdigest()


def current_marks(
    files: Mapping[str, SourceFile], known: Mapping[str, Mark], *, progress: bool = False
) -> dict[str, Mark]:
    """The marks of files now; only new files and files with other times are read.

    Args:
      files: by track.
      known: their earlier marks.
      progress: show a bar if it takes long.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        marks = pool.map(lambda track: files[track].mark(known.get(track)), files)
        bar = tqdm(
            marks,
            "compare",
            total=len(files),
            unit="file",
            leave=False,
            disable=None if progress else True,
        )
        return dict(zip(files, bar, strict=True))


def describe_changes(known: Mapping[str, Mark], now: Mapping[str, Mark]) -> str:
    """Which files have changed, are new or are missing, in words; "" if none.

    Args:
      known: earlier marks by track.
      now: present marks by track.
    """
    there = [track for track in now if track in known]
    changed = [t for t in there if now[t][::2] != known[t][::2]]  # times do not count
    told = [
        _tell(changed, "has changed", "have changed"),
        _tell([track for track in now if track not in known], "is new", "are new"),
        _tell([track for track in known if track not in now], "is gone", "are gone"),
    ]
    return ", ".join(filter(None, told))


def _tell(tracks: Iterable[str], of_one: str, of_many: str) -> str:
    tracks = sorted(tracks)
    if len(tracks) < 2:
        return "".join(f"{track} {of_one}" for track in tracks)
    return f"{len(tracks)} {of_many} ({some_names(tracks)})"
