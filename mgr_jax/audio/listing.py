"""Lists the files of a folder, follows its links, and reports what it leaves out."""

import logging
import os
import stat
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import NamedTuple

from mgr_jax.errors import UserError, some_names
from mgr_jax.files import expand

log = logging.getLogger(__name__)

# What FFmpeg calls the formats that are read, the containers of video among them: beside music lie
# clips of it. Left out is what is mostly something else: .ts and .nut are program text.
AUDIO_SUFFIXES = (
    ".3g2", ".3gp", ".8svx", ".aa3", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape",
    ".apl", ".asf", ".au", ".avi", ".avr", ".caf", ".dsf", ".dts", ".dtshd", ".eac3", ".ec3",
    ".f4v", ".flac", ".flv", ".gsm", ".iff", ".ircam", ".latm", ".m2a", ".m4a", ".m4b", ".m4r",
    ".m4v", ".mac", ".mk3d", ".mka", ".mkv", ".mlp", ".mov", ".mp2", ".mp3", ".mp4", ".mpa", ".mpc",
    ".mpeg", ".mpg", ".mpga", ".msbc", ".nist", ".oga", ".ogg", ".ogv", ".oma", ".omg", ".opus",
    ".pvf", ".ra", ".rm", ".sbc", ".sf", ".shn", ".snd", ".sox", ".sph", ".spx", ".svx", ".tak",
    ".thd", ".tta", ".voc", ".w64", ".wav", ".wave", ".webm", ".wma", ".wmv", ".wsd", ".wv",
)  # fmt: skip
READABLE = "such as .mp3, .flac, .wav, .m4a, .ogg, .opus"  # for sentences

# Files that usually accompany music; they need no warning.
_COMPANIONS = (
    ".bmp", ".csv", ".cue", ".db", ".gif", ".htm", ".html", ".ini", ".jpeg", ".jpg", ".json",
    ".jsonl", ".log", ".lrc", ".m3u", ".m3u8", ".md", ".md5", ".nfo", ".parquet", ".pdf", ".pls",
    ".png", ".sfv", ".txt", ".url", ".webp", ".xml", ".yaml",
)  # fmt: skip

# Reasons, in words that fit behind any number.
HIDDEN = "hidden"
_DENIED = "that may not be read (permission denied)"
_NOWHERE = "linked to nowhere"
_LOOP = "linked in a circle"
_AGAIN = "listed already, by another link"
_MACHINE = "linked to what is no disk (/proc, /sys, /dev)"
_IRREGULAR = "of a special kind, such as pipes"
_HARMLESS = {HIDDEN, *_COMPANIONS}
_NAMED = 3  # names in a sentence
_LONGEST = 80  # characters of such a name

# Not on any disk, and without an end. /dev/shm holds files as others do.
_MACHINE_FOLDERS = ("/proc", "/sys", "/dev")
_IN_MEMORY = "/dev/shm"


@dataclass
class Files:
    """The regular files below a folder.

    Attributes:
      folder: the folder.
      sizes: sizes in bytes by name relative to the folder, with forward slashes, sorted.
      left_out: names of everything else, by reason; folders come before files.
      outside: links that were followed out of the folder.
    """

    folder: Path
    sizes: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)

    @property
    def paths(self) -> list[Path]:
        """The files, sorted."""
        return sorted(self.folder / name for name in self.sizes)

    def only(self, suffixes: Sequence[str]) -> "Files":
        """The files with one of these suffixes, in either case. The others are left out."""
        left_out = {reason: list(names) for reason, names in self.left_out.items()}
        sizes = {}
        for name, size in self.sizes.items():
            suffix = PurePath(name).suffix.lower()
            if suffix in suffixes:
                sizes[name] = size
            else:
                left_out.setdefault(suffix or "without a suffix", []).append(name)
        return Files(self.folder, sizes, left_out, self.outside)

    def without(self, names: Iterable[str], reason: str) -> "Files":
        """The files without these, which are left out for this reason."""
        gone = set(names)
        left_out = dict(self.left_out)
        if gone:
            left_out[reason] = [*left_out.get(reason, ()), *sorted(gone)]
        sizes = {name: size for name, size in self.sizes.items() if name not in gone}
        return Files(self.folder, sizes, left_out, self.outside)

    def with_names_in_text(self) -> "Files":
        """The files whose names are UTF-8, as tables and datasets need. The others are left out."""
        strange = [n for n in self.sizes if any("\ud800" <= c <= "\udfff" for c in n)]
        return self.without(strange, "with a name that is not UTF-8, to be renamed")

    def tell(self) -> None:
        """Reports in a sentence what was left out; as a warning if it may matter."""
        if not self.left_out:
            return
        text = f"left out of {self.folder}: {describe_left_out(self.left_out)}"
        if _HARMLESS.issuperset(self.left_out):
            log.info(text)
        else:
            warnings.warn(text, stacklevel=3)

    def left_out_clause(self) -> str:
        """What was left out, as the end of a sentence that says what is not there."""
        return f"; left out: {describe_left_out(self.left_out)}" if self.left_out else ""


def describe_left_out(left_out: Mapping[str, Sequence[str]]) -> str:
    """Counts by reason, with the first names of those that may matter."""
    return ", ".join(
        f"{len(names)} {reason}"
        + ("" if reason in _HARMLESS else f" ({_names_of_any_length(names)})")
        for reason, names in left_out.items()
    )


def _names_of_any_length(names: Sequence[str]) -> str:
    return some_names([*map(_shorten, names[: _NAMED + 1])], most=_NAMED)


def _shorten(name: str) -> str:
    """A name with its beginning and its end, where it is long: paths have up to 4096 bytes."""
    half = _LONGEST // 2
    return name if len(name) <= _LONGEST else f"{name[:half]}…{name[-half:]}"


def list_files(folder: str | Path) -> Files:
    """Lists all regular files below a folder.

    Links to files and folders are followed; the log names those that lead out of the folder. A
    folder is listed at its own place and at most once more through links. So links to each other do
    not multiply, and a link to a parent folder is not followed. Hidden files and folders, and
    `__MACOSX`, are left out.

    Raises:
      UserError: it is not a folder, or cannot be read.
    """
    folder = expand(folder)
    if not os.path.isdir(folder):
        raise UserError(f"{folder} is not a folder; check the path", code="folder.not_found")
    return _Walk(Files(folder)).go()


class _Place(NamedTuple):
    """A folder to be listed.

    Attributes:
      path: how it was reached.
      below: what its names begin with.
      real: its path without links.
      above: the folders that it lies in, and itself, by device and inode.
      linked: whether a link leads to it or to a folder above it.
    """

    path: str
    below: str
    real: str
    above: frozenset[tuple[int, int]]
    linked: bool


class _Walk:
    """Goes through the folders; those still to be listed are on a stack, however deep they lie."""

    def __init__(self, found: Files) -> None:
        self._found = found
        self._root = os.path.realpath(found.folder)
        self._stack = [
            _Place(str(found.folder), "", self._root, _and_above(self._root), linked=False)
        ]
        self._linked: set[tuple[int, int]] = set()  # folders that links have led to
        self._folders: set[str] = set()  # names of those that were left out

    def go(self) -> Files:
        """Lists all."""
        while self._stack:
            self._list(self._stack.pop())
        found = self._found
        found.sizes = {name: found.sizes[name] for name in sorted(found.sizes)}
        found.outside.sort()
        for names in found.left_out.values():
            names.sort(key=lambda name: (name not in self._folders, name))
        return found

    def _list(self, place: _Place) -> None:
        try:
            with os.scandir(place.path) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            if not place.below:
                raise _unreadable(self._found.folder, error) from error
            self._leave_out(place.below.rstrip("/"), _reason(error), is_folder=True)
            return
        places = [inner for entry in entries if (inner := self._take(entry, place))]
        self._stack.extend(reversed(places))

    def _take(self, entry: os.DirEntry[str], place: _Place) -> _Place | None:
        """Adds a file, or leaves an entry out; returns it if it is a folder to be listed."""
        name = place.below + entry.name
        is_link = False
        try:
            is_link = entry.is_symlink()
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                self._leave_out(name, HIDDEN, is_folder=entry.is_dir(follow_symlinks=False))
                return None
            state = entry.stat()
        except OSError as error:
            # Nothing there, or a link to itself; what had no suffix may have been a folder.
            is_lost = is_link and not isinstance(error, PermissionError)
            reason = _NOWHERE if is_lost else _reason(error)
            self._leave_out(name, reason, is_folder=not PurePath(name).suffix)
            return None
        if stat.S_ISREG(state.st_mode):
            self._found.sizes[name] = state.st_size
        elif not stat.S_ISDIR(state.st_mode):
            self._leave_out(name, _IRREGULAR)
        else:
            return self._enter(entry, name, (state.st_dev, state.st_ino), place, is_link)
        return None

    def _enter(
        self,
        entry: os.DirEntry[str],
        name: str,
        inode: tuple[int, int],
        place: _Place,
        is_link: bool,
    ) -> _Place | None:
        real = os.path.realpath(entry.path) if is_link else os.path.join(place.real, entry.name)
        linked = is_link or place.linked
        if inode in place.above:
            reason = _LOOP
        elif real in _MACHINE_FOLDERS or (is_link and _is_of_machine(real)):
            reason = _MACHINE
        elif linked and inode in self._linked:
            reason = _AGAIN
        else:
            above = place.above | {inode}
            if linked:
                self._linked.add(inode)
            if is_link:
                above |= _and_above(real)
                if not PurePath(real).is_relative_to(self._root):
                    log.info("follow %s out of %s, to %s", name, self._found.folder, real)
                    self._found.outside.append(name)
            return _Place(entry.path, f"{name}/", real, above, linked)
        self._leave_out(name, reason, is_folder=True)
        return None

    def _leave_out(self, name: str, reason: str, *, is_folder: bool = False) -> None:
        self._found.left_out.setdefault(reason, []).append(name)
        if is_folder:
            self._folders.add(name)


def _and_above(real: str) -> frozenset[tuple[int, int]]:
    """A folder and those that it lies in, by device and inode, as far as they can be seen."""
    found = set()
    for path in (real, *map(str, PurePath(real).parents)):
        try:
            state = os.stat(path)
        except OSError:
            continue
        found.add((state.st_dev, state.st_ino))
    return frozenset(found)


def _is_of_machine(real: str) -> bool:
    path = PurePath(real)
    return any(map(path.is_relative_to, _MACHINE_FOLDERS)) and not path.is_relative_to(_IN_MEMORY)


def _reason(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return _DENIED
    return f"that cannot be read ({(error.strerror or str(error)).lower()})"


def _unreadable(folder: Path, error: OSError) -> UserError:
    if isinstance(error, PermissionError):
        return UserError(
            f"{folder} may not be read (permission denied); change its permissions",
            code="folder.denied",
        )
    return UserError(
        f"{folder} cannot be read ({error.strerror}); check the disk", code="disk.refused"
    )


def list_audio(folder: str | Path) -> Files:
    """All files below a folder with a suffix of audio, see `list_files`."""
    return list_files(folder).only(AUDIO_SUFFIXES)


def require_audio_files(folder: Path) -> list[Path]:
    """All audio files below a folder, sorted. It reports what was left out.

    Raises:
      UserError: there is none, or no folder.
    """
    found = list_audio(folder)
    if not found.sizes:
        raise no_audio_files(found)
    found.tell()
    return found.paths


def no_audio_files(found: Files) -> UserError:
    """The error for a folder without audio files. It says what the folder holds instead."""
    return UserError(
        f"{found.folder} holds no audio files ({READABLE}); give another folder"
        f"{found.left_out_clause()}",
        code="audio.no_files",
    )


def find_audio_files(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The given files, and all audio files below the given folders.

    Args:
      paths: of files, which need not exist, and of folders.

    Raises:
      UserError: a folder holds no audio file.
    """
    given = [expand(path) for path in paths]
    return [
        file for path in given for file in (require_audio_files(path) if path.is_dir() else [path])
    ]
