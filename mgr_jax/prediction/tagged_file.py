"""Replaces the genre tag of a music file, and keeps its sound.

A file is never changed in place. A copy beside it gets the tags and is checked: the coded sound and
all other tags must be the same. Then it replaces the file in one step. mutagen, which reads the
formats, is GPL-2.0-or-later; no other module imports it.
"""

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from mgr_jax.audio.packets import digest_packets
from mgr_jax.files import write_file

_V1_SIZE, _V1_NONE = 128, 255  # ID3v1 at the end of a file: its bytes, and its genre for "none"


class Refused(Exception):  # noqa: N818 - nothing went wrong
    """The reason why a file is not changed."""


class TaggedFile:
    """A file with tags, as mutagen reads them.

    Attributes:
      genres: its present genres.
    """

    def __init__(self, mutagen: Any, path: Path) -> None:
        """Reads the tags.

        Args:
          mutagen: the module.
          path: the file.

        Raises:
          Refused: its tags cannot be read, or this kind of file takes no genre tag.
        """
        self._mutagen = mutagen
        self._path = path.resolve()  # the target of a link, so that the link stays a link
        self._state = self._path.stat()
        self._suffix = path.suffix
        self._v1 = b""
        with self._faults_told():
            found = mutagen.File(self._path)
            if found is not None and found.tags is None:
                with contextlib.suppress(mutagen.MutagenError, NotImplementedError):
                    found.add_tags()
        if found is None or not _key(found.tags):
            raise Refused(f"files of this kind ({path.suffix or 'no suffix'}) take no genre tag")
        self._kind = type(found)
        self._ape = self._read_ape(found)
        self.genres = self._read(found.tags) or self._read(self._ape)
        self._others = self._other_tags(found)
        if _has_v1(found, self._ape):
            self._v1 = self._read_v1()

    def require_replaceable(self) -> None:
        """Checks that the file may be replaced by another.

        Raises:
          Refused: it may not.
        """
        if not self._state.st_mode & 0o222 or not os.access(self._path, os.W_OK):
            raise Refused("the file is read-only; change its permissions")
        if self._state.st_nlink > 1:
            raise Refused(
                f"the file has {self._state.st_nlink} names (hard links), and replacing it would "
                "separate them; copy it first"
            )

    def replace(self, genres: Sequence[str]) -> None:
        """Replaces the file by a copy with these genres.

        Raises:
          Refused: the copy is not what it should be.
        """

        def write(copy: IO[bytes]) -> None:
            with self._path.open("rb") as file:
                shutil.copyfileobj(file, copy, 1 << 20)
                with self._faults_told():
                    self._write_tags(copy, genres)
                self._require_same(file, copy, genres)
            copy.flush()
            self._keep_attributes(copy.fileno())

        write_file(self._path, write)

    def _write_tags(self, copy: IO[bytes], genres: Sequence[str]) -> None:
        from mutagen.id3 import ID3

        found, options = self._load(), {}
        if self._v1:  # mutagen would rewrite it from its other tags, or drop it
            copy.truncate(copy.seek(-_V1_SIZE, os.SEEK_END))
        if isinstance(found.tags, ID3):
            is_old = found.tags.version[:2] in ((2, 2), (2, 3))
            options = {"v2_version": 3 if is_old else 4, "v23_sep": None}
            if found.tags.version[:2] == (2, 2):
                found.tags.update_to_v23()
            if is_old:
                genres = [as_text(genres)]
        if self._ape is not None:
            self._ape["Genre"] = list(genres)
            copy.seek(0)
            self._ape.save(copy)
        self._set(found.tags, genres)
        copy.seek(0)
        found.save(copy, **options)
        if self._v1:
            copy.seek(0, os.SEEK_END)
            copy.write(self._v1[:-1] + bytes([_v1_genre(genres)]))

    def _load(self) -> Any:
        """The tags as they are: ID3 frames under their old names, without additions from ID3v1."""
        from mutagen.id3 import ID3

        found = self._kind(self._path)
        if found.tags is None:
            found.add_tags()
        elif isinstance(found.tags, ID3) and found.tags.version[:2] in ((2, 3), (2, 4)):
            found = self._kind(self._path, translate=False, load_v1=False)
        return found

    def _require_same(self, file: IO[bytes], copy: IO[bytes], genres: Sequence[str]) -> None:
        """Checks that a copy differs from the file only in its genres."""
        copy.flush()
        with self._faults_told():
            copy.seek(0)
            found = self._kind(copy)
            if as_text(self._read(found.tags)) != as_text(genres):
                raise Refused("the genre cannot be read back from a copy; the file is unchanged")
            if self._other_tags(found) != self._others:
                raise Refused("other tags would change; the file is unchanged")
        digests = []
        for one in (file, copy):
            one.seek(0)
            try:
                digests.append(digest_packets(one, self._suffix))  # type: ignore[arg-type]
            except ValueError as error:
                raise Refused(f"{error}; the file is unchanged") from error
        if digests[0] != digests[1]:
            raise Refused("the sound would change; the file is unchanged")
        now = self._path.stat()
        if (now.st_size, now.st_mtime_ns) != (self._state.st_size, self._state.st_mtime_ns):
            raise Refused("another process writes to the file; it is unchanged")

    def _keep_attributes(self, copy: int) -> None:
        with contextlib.suppress(OSError):
            os.fchown(copy, self._state.st_uid, self._state.st_gid)
        for name in os.listxattr(self._path) if hasattr(os, "listxattr") else ():
            with contextlib.suppress(OSError):
                os.setxattr(copy, name, os.getxattr(self._path, name))
        os.fchmod(copy, stat.S_IMODE(self._state.st_mode))
        os.utime(copy, ns=(self._state.st_atime_ns, self._state.st_mtime_ns))

    @contextlib.contextmanager
    def _faults_told(self) -> Any:
        """Turns any error of reading tags into a sentence: a file may hold anything."""
        try:
            yield
        except (Refused, MemoryError):
            raise
        except Exception as error:
            behind = error.__context__ if isinstance(error, self._mutagen.MutagenError) else error
            if isinstance(behind, OSError):
                raise behind from None
            told = str(error).strip() or type(error).__name__
            raise Refused(f"its tags cannot be read or written ({told})") from error

    def _read_ape(self, found: Any) -> Any:
        """The APEv2 tag that an MP3 file has beside ID3, if any."""
        from mutagen.apev2 import APENoHeaderError, APEv2
        from mutagen.id3 import ID3FileType

        if not isinstance(found, ID3FileType):
            return None
        with self._faults_told():
            try:
                return APEv2(self._path)
            except APENoHeaderError:
                return None

    def _read_v1(self) -> bytes:
        with self._path.open("rb") as file:
            if self._state.st_size < _V1_SIZE:
                return b""
            file.seek(-_V1_SIZE, os.SEEK_END)
            block = file.read(_V1_SIZE)
        return block if block.startswith(b"TAG") else b""

    def _read(self, tags: Any) -> tuple[str, ...]:
        """The genres of tags; none without tags."""
        if tags is None:
            return ()
        key = _key(tags)
        if key == "TCON":
            return tuple(genre for frame in tags.getall(key) for genre in frame.genres if genre)
        return tuple(text for value in tags.get(key, ()) if (text := str(value)))

    def _set(self, tags: Any, genres: Sequence[str]) -> None:
        key = _key(tags)
        if key != "TCON":
            tags[key] = list(genres)
            return
        from mutagen.id3 import TCON

        plain = all(genre.isascii() for genre in genres)
        tags.setall(key, [TCON(encoding=0 if plain else 3, text=list(genres))])

    def _other_tags(self, found: Any) -> dict[str, str]:
        """All tags except the genre, for comparison."""
        key = _key(found.tags).lower()
        pairs: Iterable[tuple[str, Any]] = found.tags.items()
        others = {
            # ID3v2.3 has no UTF-8.
            name: re.sub(r"encoding=<[^>]*>", "", repr(value))
            for name, value in dict(pairs).items()
            if name.lower() != key
        }
        pictures = [picture.write() for picture in getattr(found, "pictures", ())]
        return others | {"pictures": repr(pictures)}


def _key(tags: Any) -> str:
    """The genre's key in a kind of tags; empty if there is none."""
    from mutagen._vorbis import VComment
    from mutagen.apev2 import APEv2
    from mutagen.asf import ASFTags
    from mutagen.id3 import ID3
    from mutagen.mp4 import MP4Tags

    names: dict[type, str] = {
        ID3: "TCON", VComment: "GENRE", MP4Tags: "\xa9gen", ASFTags: "WM/Genre", APEv2: "Genre"
    }  # fmt: skip
    return next((name for kind, name in names.items() if isinstance(tags, kind)), "")


def _has_v1(found: Any, ape: Any) -> bool:
    """Whether a file of this kind may end with an ID3v1 tag."""
    from mutagen.apev2 import APEv2File
    from mutagen.id3 import ID3FileType

    return ape is not None or isinstance(found, APEv2File | ID3FileType)


def _v1_genre(genres: Sequence[str]) -> int:
    """The number of the first genre that ID3v1 has."""
    from mutagen.id3 import TCON

    known = {_letters(name): number for number, name in reversed(list(enumerate(TCON.GENRES)))}
    found = (known.get(_letters(genre)) for genre in genres)
    return next((number for number in found if number is not None), _V1_NONE)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def as_text(genres: Sequence[str]) -> str:
    """Genres as one text, as in ID3v2.3."""
    return "; ".join(genres)
