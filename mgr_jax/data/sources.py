"""What files were when a dataset was made of them: another file in their place is noticed.

Size and times are looked at first; where the times are others, as after copying a folder, the
content decides, by its CRC-32. That is what zip archives keep of their members: there it costs no
reading, and a folder can be compared with the archive that it was unpacked from.
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
    """What a file was.

    Attributes:
      size: in bytes; -1 where there is none.
      times: of its last change and that of its place on the disk, in ns; empty in an archive.
      crc32: of its content; None where it cannot be read.
    """

    size: int
    times: tuple[int, ...]
    crc32: int | None


@dataclass(frozen=True)
class SourceFile:
    """A file that a track is made of: its name in a folder or a zip archive."""

    source: Path
    name: str

    def mark(self, known: Mark | None = None) -> Mark:
        """What it is now; not read if it has size and times of `known`."""
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
        except UserError:  # whoever loads it says why
            return None
        return total


def file_state(path: Path) -> tuple[int, ...]:
    """Size and times of a file, which change when it does; (-1,) where there is none.

    The second time is that of its inode: it also changes where `cp -p` sets the first one back.
    """
    try:
        state = path.stat()
    except (OSError, ValueError):  # a name that no file can have
        return (-1,)
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns


def write_marks(folder: Path, marks: Mapping[str, Mark]) -> None:
    """Keeps the mark of each track's file in sources.json."""
    write_sealed(folder / _FILE, {"files": marks})


def read_marks(folder: Path) -> dict[str, Mark] | None:
    """What `write_marks` kept; None of a dataset of version 0.1.0.

    Raises:
      UserError: it is damaged.
    """
    path = folder / _FILE
    if not path.exists() and not has_sums(folder):
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
    """A name for what the files hold, whatever their times and their order."""
    listing = sorted((track, mark.size, mark.crc32) for track, mark in marks.items())
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def digest_dataset(folder: Path) -> str:
    """A name for what a prepared dataset was made of, and how."""
    return hashlib.sha256((folder / "protocol.json").read_bytes()).hexdigest()


def current_marks(
    files: Mapping[str, SourceFile], known: Mapping[str, Mark], *, progress: bool = False
) -> dict[str, Mark]:
    """What the files are now; only those are read that are new or have other times.

    Args:
      files: by track.
      known: what they were.
      progress: show a bar where it takes long.
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
    """Which files hold something else, are new or are gone, in words; "" if none."""
    there = [track for track in now if track in known]
    changed = [t for t in there if now[t][::2] != known[t][::2]]  # the times say nothing
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
