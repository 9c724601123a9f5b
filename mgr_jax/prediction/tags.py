"""Genres as tags in music files: shown, kept or replaced; the sound does not change."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from mgr_jax.errors import UserError, disk_refusal, printable, unknown_name
from mgr_jax.prediction.tagged_file import Refused, TaggedFile, as_text

if TYPE_CHECKING:
    from mgr_jax.prediction.stream import FilePrediction

Mode = Literal["show", "keep", "replace"]


@dataclass(frozen=True)
class TagChange:
    """The change of a file's genre tag, made or planned.

    Attributes:
      name: name of the file.
      before: its genres before.
      after: the predicted genres: classes, the most probable first, and the classes they imply.
      written: whether the file was changed.
      reason: why it was not; empty if it was.
    """

    name: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    written: bool = False
    reason: str = ""

    def __str__(self) -> str:
        """One line of text."""
        there = f"'{'; '.join(self.before)}'" if self.before else "none"
        told = f"genre '{'; '.join(self.after)}'" if self.after else "no genre"
        done = " written" if self.written else " not written" if self.after else ""
        why = f": {self.reason}" if self.reason else ""
        return printable(f"{self.name}: {told}{done}{why} (before: {there})")


class TagWriter:
    """Writes predicted genres into audio files, as genre tags.

        predictor = mgr_jax.load("runs/a")
        writer = mgr_jax.TagWriter("show")
        for file in predictor.predict_files(["song.mp3"]):
            writer.add(file)
        print(*map(str, writer.changes))

    MP3, WAV, AIFF, DSF and TTA get ID3 (TCON; an existing ID3v1 or APEv2 tag is updated too), FLAC
    and Ogg (Vorbis, Opus, Speex, FLAC) get Vorbis comments (one GENRE each), M4A ©gen, WMA
    WM/Genre, and Musepack, WavPack and Monkey's Audio APEv2. ID3v2.3 stays 2.3, where several
    genres are one text ("rock; metal"); new tags are 2.4.

    Times, permissions and extended attributes of a file stay, and its owner if the system allows.
    A link to a file stays a link. Read-only files are not changed, nor are files with several names
    (hard links), which replacing would separate.

    Attributes:
      mode: see `__init__`.
      changes: the change of each file, in order.
    """

    def __init__(self, mode: Mode = "show") -> None:
        """Sets the mode.

        Args:
          mode: "show" changes nothing, and lists present and predicted genres; "keep" writes only
            where there is no genre; "replace" overwrites present genres.

        Raises:
          UserError: there is no such mode, or mutagen is missing.
        """
        if mode not in get_args(Mode):
            raise unknown_name("way to write tags", mode, get_args(Mode))
        try:
            import mutagen
        except ImportError as error:
            raise UserError(
                "tags are written with mutagen, which is GPL-2.0-or-later and not part of mgr_jax; "
                "install it (pip install 'mgr-jax[tags]')",
                code="package.missing",
            ) from error
        self._mutagen: Any = mutagen
        self.mode = mode
        self.changes: list[TagChange] = []

    def add(self, file: "FilePrediction") -> bool:
        """Writes the predicted genres into a file, or records in `changes` why not.

        Args:
          file: the outcome for the file.

        Returns:
          Whether the file was written: its size, and perhaps its inode, have changed.
        """
        self.changes.append(self._change(file))
        return self.changes[-1].written

    def close(self) -> None:
        """Does nothing."""

    def _change(self, file: "FilePrediction") -> TagChange:
        before: tuple[str, ...] = ()
        after: tuple[str, ...] = ()
        try:
            if file.prediction is None:
                raise Refused(str(file.error))
            answer = file.prediction.answer
            after = tuple(dict.fromkeys((*answer.told, *answer.implied) if answer.told else ()))
            tagged = TaggedFile(self._mutagen, Path(file.name))
            before = tagged.genres
            if not after:
                raise Refused(f"undecided ({answer.reason})")
            if as_text(before) == as_text(after):
                raise Refused("it is there already")
            if self.mode == "keep" and before:
                raise Refused("the file has a genre, which is kept")
            tagged.require_replaceable()
            if self.mode == "show":
                raise Refused("only shown")
            tagged.replace(after)
        except Refused as refusal:
            return TagChange(file.name, before, after, False, str(refusal))
        except OSError as error:
            refused = disk_refusal(error, str(Path(file.name).parent))
            reason = str(refused or f"it cannot be used ({error.strerror or error})")
            return TagChange(file.name, before, after, False, f"{reason}; the file is unchanged")
        return TagChange(file.name, before, after, True)
