"""Lengths that a file states about itself and that FFmpeg hides or misreads.

FFmpeg usually ignores lengths that mean "not known", but it refuses some files because of them. In
some formats it reads what is there and does not report that more was promised.
"""

import io
import struct
from dataclasses import dataclass, field
from typing import BinaryIO

from mgr_jax.audio.encoded import Patched, Pieces

_HEAD = 1 << 16
_MOST_CHUNKS = 10_000  # a damaged file may be millions of empty ones
_HUGE = 1 << 40  # FFmpeg looks behind it, and no file may be as large as 1 << 48
_EXTENDED_SHARE = 0.01  # of a file, behind its sound and no chunk; less are odd bytes


@dataclass(frozen=True)
class Header:
    """What can be known about a file before it is decoded.

    Attributes:
      file: its content. Lengths that mean "not known" are written as FFmpeg expects them, and tags
        within and behind an MP3 or similar file are left out.
      size: of that content, in bytes.
      share: how much of the sound promised by the header is there, from 0 to 1.
      end: the end of the file by its header, including the chunks behind the sound; its size if the
        header gives no end.
      extended: whether more sound follows after the length that the header gives.
      cut: whether the file ends within an Ogg page.
      index_last: whether it is an MP4 file, which has its index at either end.
      is_lfs: whether it is only a pointer file of git-lfs.
      is_text: whether it is text.
    """

    file: BinaryIO | io.RawIOBase
    size: int
    share: float
    end: int
    extended: bool
    cut: bool
    index_last: bool
    is_lfs: bool
    is_text: bool

    def next_stream(self, after: int) -> int | None:
        """The position of the next stream in an Ogg file that holds several in a row, or None."""
        page = b"OggS\x00\x02"  # the flag is that of a first page
        position = after + 1
        while position < self.size:
            self.file.seek(position)
            found = self.file.read(_HEAD).find(page)
            if found >= 0:
                return position + found
            position += _HEAD - len(page) + 1
        return None


def is_placeholder(length: float) -> bool:
    """Whether a number of bytes or samples stands for "not known when this was written".

    Programs that cannot go back to the header leave 0, or about the largest number of 31 or 32
    bits: sox writes 0x7FFFF000 and 0x7F000000, others 0x80000000 and 0xFFFFFFFF.
    """
    return (
        length <= 0
        or 0 <= 2**31 - length <= 2**24
        or 0 <= length - 2**31 <= 2**16
        or 0 <= 2**32 - length <= 2**24
        or length >= 2**36 - 2**16
    )


def read_header(file: BinaryIO) -> Header:
    """Reads both ends of a file and its chunks, and finds tags in formats without chunks."""
    head = file.read(_HEAD)
    size = file.seek(0, io.SEEK_END)
    told = _told(file, head, size)
    view: BinaryIO | io.RawIOBase = file
    cut = False
    if told is None:
        from mgr_jax.audio.streams import find_sound  # of no use for WAV and the like

        told = _Told()
        pieces, cut = find_sound(file, head, size)
        if pieces != [(0, size)]:
            view = Pieces(file, pieces)
            size = view.seek(0, io.SEEK_END)
    elif told.patches:
        view = Patched(file, told.patches)
    view.seek(0)
    return Header(
        file=view,
        size=size,
        share=told.share(size),
        end=min(max(told.walked, told.file_end or 0), size) or size,
        extended=told.extended,
        cut=cut,
        index_last=head[4:8] == b"ftyp",
        is_lfs=head.startswith(b"version https://git-lfs"),
        is_text=_is_text(head),
    )


@dataclass
class _Told:
    """The lengths that a header tells, as places in the file; None where it says nothing.

    Attributes:
      start: where the sound begins.
      sound_end: where it ends.
      file_end: where all ends.
      walked: where the last chunk ends that is one; 0 where that is not known.
      extended: see `Header`.
      patches: by place, what is to be read there instead.
    """

    start: int = 0
    sound_end: int | None = None
    file_end: int | None = None
    walked: int = 0
    extended: bool = False
    patches: dict[int, bytes] = field(default_factory=dict)

    def share(self, size: int) -> float:
        """How much of the sound is there; what one of two lengths calls whole is whole."""
        promised = self.sound_end or self.file_end
        if promised is None or min(promised, self.file_end or promised) <= size + 1:
            return 1.0
        if not self.start < min(size, promised):  # of a damaged header
            return 1.0
        return (size - self.start) / (promised - self.start)


@dataclass(frozen=True)
class _Layout:
    """A format of chunks, each a tag, a length and that many bytes.

    Attributes:
      first: where the first chunk begins.
      data: the tag of the one that holds the sound.
      form: of a length, for `struct`.
      of_file: where the length of the file stands, and what it counts from.
      align: chunks begin at multiples of it.
      unknown: what FFmpeg takes for "not known"; None where it takes everything so.
      empty: the length of the sound before the first sample is written.
      counts_itself: a length is that of the tag and of itself too.
    """

    first: int
    data: bytes
    form: str
    of_file: tuple[int, int] | None = None
    align: int = 2
    unknown: int | None = None
    empty: int = 0
    counts_itself: bool = False

    @property
    def width(self) -> int:
        """The bytes of a tag and a length."""
        return len(self.data) + struct.calcsize(self.form)

    def chunk(self, file: BinaryIO, at: int, end: int) -> tuple[bytes, int] | None:
        """The tag and the length of the content of the chunk at some place; None if none is."""
        file.seek(at)
        found = file.read(self.width)
        tag = found[: len(self.data)]
        if len(found) < self.width or at + self.width > end or tag.startswith(tuple(_LAYOUTS)):
            return None
        if len(tag) == 4 and not (tag.isascii() and tag.decode().isprintable()):
            return None
        (length,) = struct.unpack_from(self.form, found, len(tag))
        length -= self.width if self.counts_itself else 0
        return tag, length

    def next_chunk(self, end: int) -> int:
        """Where the chunk begins that follows one that ends there."""
        return end + -end % self.align

    def patch(self, length: int) -> bytes:
        """A length of the content of a chunk, as it is written."""
        return struct.pack(self.form, length + (self.width if self.counts_itself else 0))


_W64 = b"riff\x2e\x91\xcf\x11"
_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_ASF = b"\x30\x26\xb2\x75"
_ASF_FILE = b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65"
_LAYOUTS = {
    b"RIFF": _Layout(12, b"data", "<I", (4, 8)),
    b"RIFX": _Layout(12, b"data", ">I", (4, 8)),
    b"RF64": _Layout(12, b"data", "<I"),
    b"BW64": _Layout(12, b"data", "<I"),
    b"FORM": _Layout(12, b"SSND", ">I", (4, 8), unknown=0x7FFFFFFF, empty=8),
    b"caff": _Layout(8, b"data", ">Q", align=1),
    _W64: _Layout(40, _W64_DATA, "<Q", (16, 0), align=8, unknown=_HUGE, counts_itself=True),
    _ASF: _Layout(30, _ASF_FILE, "<Q", align=1, counts_itself=True),
}


def _told(file: BinaryIO, head: bytes, size: int) -> _Told | None:
    """What the header of a format of known lengths tells; None of the others."""
    if head.startswith(b".snd") and len(head) > 12:
        start, length = struct.unpack_from(">II", head, 4)
        if is_placeholder(length):
            return _Told(start, patches={8: b"\xff" * 4})
        end = start + length
        goes_on = size - end > _EXTENDED_SHARE * size  # which FFmpeg reads
        return _Told(start, sound_end=end, walked=end, extended=goes_on)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return _told_by_ebml(head)
    for magic, layout in _LAYOUTS.items():
        if head.startswith(magic) and len(head) >= layout.first:
            return _told_by_chunks(file, head, size, layout)
    return None


def _told_by_chunks(file: BinaryIO, head: bytes, size: int, layout: _Layout) -> _Told:
    told = _Told()
    if layout.of_file:
        place, start = layout.of_file
        (length,) = struct.unpack_from(layout.form, head, place)
        if not is_placeholder(length):
            told.file_end = start + length
        elif layout.unknown:
            told.patches[place] = struct.pack(layout.form, layout.unknown)
    at, of_data, place_of_data = layout.first, 0, 0
    for _ in range(_MOST_CHUNKS):
        chunk = layout.chunk(file, at, size)
        if chunk is None:
            break
        tag, length = chunk
        start = at + layout.width
        if tag == b"ds64":  # of RF64: the lengths of the file and the sound, and samples
            lengths = struct.unpack("<QQQ", file.read(24).ljust(24, b"\0"))
            told.file_end = None if is_placeholder(lengths[0]) else lengths[0] + 8
            of_data = lengths[1]
            place_of_data = start + 8
            for place, value, unknown in zip((8, 16), lengths[1:], (_HUGE, 0), strict=True):
                if is_placeholder(value):
                    told.patches[start + place] = struct.pack("<Q", unknown)
        if tag == _ASF_FILE:
            told.start = int.from_bytes(head[16:24], "little")
            promised = int.from_bytes(file.read(24)[16:], "little")
            told.file_end = None if is_placeholder(promised) else promised
            break
        if tag == layout.data and not told.start:
            told.start = start
            in_ds64 = place_of_data > 0 and is_placeholder(length)
            if in_ds64:
                length = of_data
            if is_placeholder(length) or length == layout.empty:
                if layout.unknown:
                    told.patches[at + len(tag)] = struct.pack(layout.form, layout.unknown)
                break
            length = _extended(file, size, layout, told, length)
            told.sound_end = start + length
            if told.extended and in_ds64:
                told.patches[place_of_data] = struct.pack("<Q", length)
            elif told.extended:
                told.patches[at + len(tag)] = layout.patch(length)
        if length < 0 or start + length > size:
            break
        at = layout.next_chunk(start + length)
        told.walked = at
    return told


def _extended(file: BinaryIO, size: int, layout: _Layout, told: _Told, length: int) -> int:
    """The length of the sound, or a longer one: the file goes on, but with no other chunk."""
    end = told.start + length
    last = min(size, told.file_end or 0, told.start + 2**32 - 1)
    if last - end <= _EXTENDED_SHARE * size:
        return length
    for at in (end, layout.next_chunk(end)):
        chunk = layout.chunk(file, at, size)
        if chunk and 0 <= chunk[1] <= max(size, told.file_end or 0) - at:
            return length
    if _is_blank(file, end, last):
        return length
    told.extended = True
    return last - told.start


def _is_blank(file: BinaryIO, at: int, end: int) -> bool:
    """Whether there are but zeros, with which a file may have been filled up."""
    file.seek(at)
    while at < end:
        block = file.read(min(_HEAD, end - at))
        if not block or block.strip(b"\0"):
            return not block
        at += len(block)
    return True


def _told_by_ebml(head: bytes) -> _Told:
    """Matroska: a header, and one segment that is all the rest."""
    at = 4
    for tag in (b"", b"\x18\x53\x80\x67"):
        at += len(tag)
        if not head[at - len(tag) :].startswith(tag) or at + 8 > len(head) or not head[at]:
            break
        width = 9 - head[at].bit_length()
        number = int.from_bytes(head[at : at + width], "big") & ((1 << 7 * width) - 1)
        at += width
        if tag and number < (1 << 7 * width) - 1:
            return _Told(at, file_end=at + number)
        at += number
    return _Told()


def _is_text(head: bytes) -> bool:
    text = head[:1024].decode("utf-8", "ignore")
    return bool(text) and all(c.isprintable() or c.isspace() for c in text)
