"""Lists the files of a folder, follows its links, and says what it leaves out."""

import logging
import os
import stat
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from mgr_jax.errors import UserError, some_names

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

# What lies beside music and is none: nobody needs to be warned of it.
_COMPANIONS = (
    ".bmp", ".csv", ".cue", ".db", ".gif", ".htm", ".html", ".ini", ".jpeg", ".jpg", ".json",
    ".log", ".lrc", ".m3u", ".m3u8", ".md", ".md5", ".nfo", ".pdf", ".pls", ".png", ".sfv", ".txt",
    ".url", ".webp", ".xml", ".yaml",
)  # fmt: skip

# Reasons, in words that fit behind any number.
HIDDEN = "hidden"
_DENIED = "that may not be read (permission denied)"
_NOWHERE = "linked to nowhere"
_LOOP = "linked in a circle"
_IRREGULAR = "of a special kind, such as pipes"
_HARMLESS = {HIDDEN, *_COMPANIONS}


@dataclass
class Files:
    """The regular files below a folder.

    Attributes:
      folder: where they are.
      sizes: in bytes, by name below the folder, with forward slashes, sorted.
      left_out: names of what is not among them, by reason.
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
        """Those with such a suffix, in either case; the others are left out by theirs."""
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
        """Those but for these, which are left out for that reason."""
        gone = set(names)
        left_out = dict(self.left_out)
        if gone:
            left_out[reason] = [*left_out.get(reason, ()), *sorted(gone)]
        sizes = {name: size for name, size in self.sizes.items() if name not in gone}
        return Files(self.folder, sizes, left_out, self.outside)

    def with_names_in_text(self) -> "Files":
        """Those that a table or dataset can name: bytes that are no UTF-8 are surrogates here."""
        strange = [n for n in self.sizes if any("\ud800" <= c <= "\udfff" for c in n)]
        return self.without(strange, "with a name that is not UTF-8, to be renamed")

    def tell(self) -> None:
        """Says in a sentence what was left out: a warning, where it may matter."""
        if self.outside:
            log.info("followed %s out of %s", some_names(self.outside), self.folder)
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
        f"{len(names)} {reason}" + ("" if reason in _HARMLESS else f" ({some_names(names)})")
        for reason, names in left_out.items()
    )


def list_files(folder: str | Path) -> Files:
    """Lists all regular files below a folder.

    Links to files and folders are followed, but not to a folder that they lie in. Hidden files and
    folders, and `__MACOSX`, are left out.

    Raises:
      UserError: it is not a folder, or may not be read.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; check the path", code="folder.not_found")
    found = Files(folder)
    state = folder.stat()
    _walk(found, folder, "", ((state.st_dev, state.st_ino),), folder.resolve())
    if "" in found.left_out.get(_DENIED, ()):
        raise UserError(
            f"{folder} may not be read (permission denied); change its permissions",
            code="folder.denied",
        )
    found.sizes = {name: found.sizes[name] for name in sorted(found.sizes)}
    return found


def _walk(
    found: Files, folder: Path, below: str, above: tuple[tuple[int, int], ...], root: Path
) -> None:
    """Adds what a folder holds, called `below` in the names; `above` are the folders it lies in."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except PermissionError:
        found.left_out.setdefault(_DENIED, []).append(below.rstrip("/"))
        return
    for entry in entries:
        name = below + entry.name
        if entry.name.startswith(".") or entry.name == "__MACOSX":
            found.left_out.setdefault(HIDDEN, []).append(name)
            continue
        try:
            state = entry.stat()
        except PermissionError:
            found.left_out.setdefault(_DENIED, []).append(name)
            continue
        except OSError:  # nothing there, or a link to itself
            found.left_out.setdefault(_NOWHERE, []).append(name)
            continue
        if stat.S_ISREG(state.st_mode):
            found.sizes[name] = state.st_size
        elif not stat.S_ISDIR(state.st_mode):
            found.left_out.setdefault(_IRREGULAR, []).append(name)
        elif (state.st_dev, state.st_ino) in above:
            found.left_out.setdefault(_LOOP, []).append(name)
        else:
            path = folder / entry.name
            if entry.is_symlink() and not path.resolve().is_relative_to(root):
                found.outside.append(name)
            _walk(found, path, f"{name}/", (*above, (state.st_dev, state.st_ino)), root)


def list_audio(folder: str | Path) -> Files:
    """All files below a folder with the suffix of audio, see `list_files`."""
    return list_files(folder).only(AUDIO_SUFFIXES)


def require_audio_files(folder: Path) -> list[Path]:
    """All audio files below a folder, sorted; says what was left out.

    Raises:
      UserError: there is none, or no folder.
    """
    found = list_audio(folder)
    if not found.sizes:
        raise no_audio_files(found)
    found.tell()
    return found.paths


def no_audio_files(found: Files) -> UserError:
    """Returns the error that says what a folder holds instead."""
    return UserError(
        f"{found.folder} holds no audio files ({READABLE}); give another folder"
        f"{found.left_out_clause()}",
        code="audio.no_files",
    )


def find_audio_files(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The files that are named, and all audio files below the folders that are.

    Args:
      paths: of files, which need not be there, and of folders.

    Raises:
      UserError: a folder holds no audio file.
    """
    given = [Path(path).expanduser() for path in paths]
    return [
        file for path in given for file in (require_audio_files(path) if path.is_dir() else [path])
    ]
