"""Genres as tags in music files: shown, kept or replaced, with the sound as it was."""

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
    """What was done, or would be, with the genre tag of a file.

    Attributes:
      name: of the file.
      before: the genres that stood there.
      after: those that are told: classes, the most probable first, and what they imply.
      written: whether the file was changed.
      reason: why it was not; empty where it was.
    """

    name: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    written: bool = False
    reason: str = ""

    def __str__(self) -> str:
        """A line for people."""
        there = f"'{'; '.join(self.before)}'" if self.before else "none"
        told = f"genre '{'; '.join(self.after)}'" if self.after else "no genre"
        done = " written" if self.written else " not written" if self.after else ""
        why = f": {self.reason}" if self.reason else ""
        return printable(f"{self.name}: {told}{done}{why} (before: {there})")


class TagWriter:
    """Writes what is told of files into them, as genre tags.

        writer = TagWriter("show")
        for file in predictor.predict_files(["song.mp3"]):
            writer.add(file)
        print(*map(str, writer.changes))

    MP3, WAV, AIFF, DSF and TTA get ID3 (TCON; an ID3v1 or APEv2 tag that is there follows), FLAC
    and Ogg (Vorbis, Opus, Speex, FLAC) Vorbis comments (GENRE, one for each), M4A ©gen, WMA
    WM/Genre, and Musepack, WavPack and Monkey's Audio APEv2. ID3v2.3 stays 2.3, where several
    genres are one text ("rock; metal"); new tags are 2.4.

    The times, permissions and extended attributes of a file stay, and its owner where the system
    lets us. A link to a file stays a link. A file that has several names (hard links) is left
    alone, as replacing would part them; so are files that are read-only.

    Attributes:
      mode: see `__init__`.
      changes: what was done with each file, in order.
    """

    def __init__(self, mode: Mode = "show") -> None:
        """Takes what is to be done.

        Args:
          mode: "show" changes nothing, and says what stands there and what would; "keep" writes
            only where no genre stands; "replace" writes over what stands there.

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
        """Writes what is told of a file into it, or says in `changes` why not.

        Returns:
          Whether the file was written: its size, and perhaps its number on the disk, have changed.
        """
        self.changes.append(self._change(file))
        return self.changes[-1].written

    def close(self) -> None:
        """Nothing is left to be done."""

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
                raise Refused("it stands there already")
            if self.mode == "keep" and before:
                raise Refused("a genre stands there, which is kept")
            tagged.require_replaceable()
            if self.mode == "show":
                raise Refused("only shown")
            tagged.replace(after)
        except Refused as refusal:
            return TagChange(file.name, before, after, False, str(refusal))
        except OSError as error:
            refused = disk_refusal(error, str(Path(file.name).parent))
            reason = str(refused or f"it cannot be used ({error.strerror or error})")
            return TagChange(file.name, before, after, False, f"{reason}; the file is as it was")
        return TagChange(file.name, before, after, True)
