"""Files as FFmpeg is given them, and what their bytes tell that it hides or takes for more.

FFmpeg takes most lengths that say nothing for what they are, and refuses a few. Of some formats it
reads what is there, without a word that more was promised.
"""

import io
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mgr_jax.audio.gate import AudioError

_HEAD = 1 << 16


def open_encoded(path: Path, data: bytes | None) -> BinaryIO:
    """Opens a regular file; a named pipe would wait for somebody to write to it.

    Args:
      path: of the file.
      data: its content, where `path` only names it.

    Raises:
      AudioError: there is none, or it may not be read.
    """
    if data is not None:
        return io.BytesIO(data)
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except PermissionError as error:
        raise AudioError(
            f"{path} may not be read (permission denied); change its permissions",
            code="file.denied",
        ) from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{path} is not a file; check the path", code="file.not_found") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise AudioError(
            f"{path} is not a regular file; give the path of one", code="file.not_found"
        )
    return os.fdopen(handle, "rb")


@dataclass(frozen=True)
class Header:
    """What there is to know of a file before it is decoded.

    Attributes:
      file: its content, with lengths that say nothing written as FFmpeg understands them.
      size: in bytes.
      share: of what its header promises, how much is there.
      end: where its header says that it ends; its size where that says nothing.
      cut: it ends within a page of Ogg.
      index_last: it is an MP4, which has its index at either end.
      is_lfs: it only says where git-lfs keeps the file.
      is_text: it is text.
    """

    file: "BinaryIO | _Patched"
    size: int
    share: float
    end: int
    cut: bool
    index_last: bool
    is_lfs: bool
    is_text: bool

    def next_stream(self, after: int) -> int | None:
        """Where in an Ogg file that is several, one after the other, another one begins."""
        page = b"OggS\x00\x02"  # the flag is that of a first page
        position = after + 1
        while position < self.size:
            self.file.seek(position)
            found = self.file.read(_HEAD).find(page)
            if found >= 0:
                return position + found
            position += _HEAD - len(page) + 1
        return None


@dataclass(frozen=True)
class _Length:
    """Where a format keeps a length.

    Attributes:
      magic: the first bytes of such a file.
      tag: what the length belongs to.
      offset: from there to the length.
      form: of the number, for `struct`.
      start: from the tag to what the length counts from.
      unknown: what FFmpeg takes for "not known"; None where it takes everything so.
      empty: the length before the first sample is written.
    """

    magic: bytes
    tag: bytes
    offset: int
    form: str
    start: int
    unknown: int | None = None
    empty: int = 0


_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_HUGE = 1 << 40  # FFmpeg looks behind it, and no file may be as large as 1 << 48
_ASF_FILE = b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65"
_LENGTHS = (
    _Length(b"RIFF", b"RIFF", 4, "<I", 8),
    _Length(b"RIFX", b"RIFX", 4, ">I", 8),
    _Length(b"RF64", b"ds64", 16, "<Q", 16, _HUGE),
    _Length(b"RF64", b"ds64", 24, "<Q", 16, 0),  # in samples, which are fewer
    _Length(b"riff\x2e\x91\xcf\x11", b"riff", 16, "<Q", 0, _HUGE),
    _Length(b"riff\x2e\x91\xcf\x11", _W64_DATA, 16, "<Q", 0, _HUGE, empty=24),
    _Length(b"\x30\x26\xb2\x75", _ASF_FILE, 40, "<Q", 0),  # of the file, to some bytes
    _Length(b"caff", b"data", 4, ">Q", 12),
    _Length(b".snd", b".snd", 8, ">I", 24, 0xFFFFFFFF),
    _Length(b"FORM", b"FORM", 4, ">I", 8, 0x7FFFFFFF),
    _Length(b"FORM", b"SSND", 4, ">I", 8, 0x7FFFFFFF, empty=8),
)


def is_placeholder(length: float) -> bool:
    """Whether a number of bytes or samples stands for "not known when this was written".

    Programs that cannot go back to the header leave 0 or about the largest number there is, of 31
    or 32 bits: 0x7FFFF000 and 0x7F000000 are sox's, 0x80000000 and 0xFFFFFFFF others'.
    """
    return (
        length <= 0
        or 0 <= 2**31 - length <= 2**24
        or 0 <= length - 2**31 <= 2**16
        or 0 <= 2**32 - length <= 2**24
        or length >= 2**36 - 2**16
    )


def read_header(file: BinaryIO) -> Header:
    """Looks at both ends of a file."""
    head = file.read(_HEAD)
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 2 * _HEAD))
    tail = file.read()
    file.seek(0)
    share, end, patched = 1.0, 0, bytearray(head)
    for known in _LENGTHS:
        tag = head.find(known.tag)
        at = tag + known.offset
        width = struct.calcsize(known.form)
        if not head.startswith(known.magic) or tag < 0 or at + width > len(head):
            continue
        (length,) = struct.unpack_from(known.form, head, at)
        if not is_placeholder(length) and length != known.empty:
            share = min(share, (size - tag) / (known.start + length))
            end = max(end, tag + known.start + length) if tag == 0 else end
        elif known.unknown is not None:
            struct.pack_into(known.form, patched, at, known.unknown)
    return Header(
        file=file if patched == head else _Patched(file, bytes(patched)),
        size=size,
        share=share,
        end=min(end, size) or size,
        cut=head.startswith(b"OggS") and _ends_within_page(tail),
        index_last=head[4:8] == b"ftyp",
        is_lfs=head.startswith(b"version https://git-lfs"),
        is_text=_is_text(head),
    )


def _ends_within_page(tail: bytes) -> bool:
    """Whether the last page of Ogg is longer than what is there of it."""
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27:
        return True
    lacing = page[27 : 27 + page[26]]
    return len(page) < 27 + page[26] + sum(lacing)


def _is_text(head: bytes) -> bool:
    text = head[:1024].decode("utf-8", "ignore")
    return bool(text) and all(c.isprintable() or c.isspace() for c in text)


class _Patched(io.RawIOBase):
    """A file with other first bytes."""

    def __init__(self, file: BinaryIO, head: bytes) -> None:
        self._file, self._head = file, head

    def read(self, size: int = -1) -> bytes:
        at = self._file.tell()
        found = self._file.read(size)
        start = self._head[at : at + len(found)]
        return start + found[len(start) :]

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class Part:
    """A file from some byte on, as FFmpeg sees it; it tells formats by their suffix too."""

    def __init__(self, header: Header, suffix: str, start: int) -> None:
        """Takes the suffix of its name, and the first byte to be seen."""
        self.name = f"sound{suffix}" if suffix[1:].isalnum() and suffix.isascii() else "sound"
        self.read, self._file, self._start = header.file.read, header.file, start
        self.seek(0)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Goes to a byte of the part; -1 where there is no such place."""
        if whence == io.SEEK_SET:
            offset += self._start
        try:
            return self._file.seek(offset, whence) - self._start
        except OSError:  # where a damaged file sends it is no place; the disk has no part in it
            return -1

    def tell(self) -> int:
        """Where it is."""
        return self._file.tell() - self._start
