"""Files made of frames or pages in a row: finds their sound among tags and junk.

FFmpeg mistakes bytes in a tag's picture for frames of sound.
"""

import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

_BLOCK = 1 << 20
_PAGE = 1 << 16


def find_sound(file: BinaryIO, head: bytes, size: int) -> tuple[list[tuple[int, int]], bool]:
    """Finds the stretches of sound in a file.

    Args:
      file: any file that is not made of chunks.
      head: its first bytes.
      size: its length in bytes.

    Returns:
      (first byte, byte after the last) of each stretch, and whether the file ends within an Ogg
      page. A tag at the beginning is left to FFmpeg.
    """
    if head.startswith(b"OggS"):
        end = _last_page_end(file, size)
        return [(0, min(end or size, size))], end is None or end > size
    end = _without_last_tags(file, size)
    is_mpeg = head.startswith(b"ID3") or _is_frame(head)
    if is_mpeg or head.startswith(b"fLaC"):
        end = _without_hole(file, end)
    return list(_between_tags(file, head, end)) if is_mpeg else [(0, end)], False


def _id3_length(tag: bytes) -> int:
    """The length of an ID3v2 tag by its first bytes; 0 if it is not one."""
    if len(tag) < 10 or tag[3] not in (2, 3, 4) or max(tag[6:10]) > 127:
        return 0
    length = 0
    for byte in tag[6:10]:
        length = length << 7 | byte
    return length + (20 if tag[5] & 0x10 else 10)


def _ape_length(tag: bytes) -> int:
    """The length of an APEv2 tag by its header or, if it has none, by its footer; else 0."""
    if len(tag) < 32:
        return 0
    length, _, flags = struct.unpack_from("<III", tag, 12)
    return length + 32 * (flags >> 31) if length < 1 << 28 else 0


def _id3v1_length(tag: bytes) -> int:
    """The length of an ID3v1 tag: no control characters in it, and sound after it; else 0."""
    is_text = len(tag) > 130 and not any(0 < byte < 32 for byte in tag[3:93])
    return 128 if is_text and (tag[128:131] == b"ID3" or _is_frame(tag[128:])) else 0


_TAGS: tuple[tuple[bytes, Callable[[bytes], int]], ...] = (
    (b"ID3", _id3_length),
    (b"APETAGEX", lambda tag: _ape_length(tag) if len(tag) > 23 and tag[23] & 0x20 else 0),
    (b"TAG", _id3v1_length),
)


def _is_frame(data: bytes) -> bool:
    """Whether a frame of MPEG audio or of AAC may begin so."""
    return data[:1] == b"\xff" and data[1] >= 0xE0 if len(data) > 1 else False


def _between_tags(file: BinaryIO, head: bytes, end: int) -> Iterator[tuple[int, int]]:
    """The stretches between the tags, except a tag at the beginning."""
    first = _id3_length(head) if head.startswith(b"ID3") else 0
    tags = sorted(tag for known in _TAGS for tag in _find_tags(file, first, end, *known))
    at = 0
    for start, stop in tags:
        if start > at:
            yield at, start
        at = max(at, min(stop, end))
    if at < end:
        yield at, end


def _find_tags(
    file: BinaryIO, at: int, end: int, mark: bytes, length_of: Callable[[bytes], int]
) -> Iterator[tuple[int, int]]:
    while at < end:
        file.seek(at)
        block = file.read(min(_BLOCK, end - at) + 160)  # what lies across two blocks is in both
        found = block.find(mark)
        step = _BLOCK
        while 0 <= found < _BLOCK:
            length = length_of(block[found : found + 160])
            if length:
                yield at + found, at + found + length
                step = found + length
                break
            found = block.find(mark, found + 1)
        at += step


def _without_last_tags(file: BinaryIO, size: int) -> int:
    """Where the tags begin that a file ends with."""
    end = size
    for _ in range(8):
        file.seek(max(0, end - 128))
        last = file.read(min(128, end))
        length = 0
        if last.startswith(b"TAG") and len(last) == 128:
            length = 128
        elif last[-32:].startswith(b"APETAGEX"):
            length = _ape_length(last[-32:])
        elif last.endswith(b"LYRICS200") and last[-15:-9].isdigit():
            length = int(last[-15:-9]) + 15
        if not 0 < length < end:
            break
        end -= length
    return end


def _without_hole(file: BinaryIO, end: int) -> int:
    """The end without the zeros of a broken download, except one block that is reported."""
    last = end
    while last > 0:
        file.seek(max(0, last - _BLOCK))
        if file.read(min(_BLOCK, last)).strip(b"\0"):
            break
        last -= _BLOCK
    return min(end, max(0, last) + _BLOCK)


def _last_page_end(file: BinaryIO, size: int) -> int | None:
    """The end of the last Ogg page, perhaps behind the end of the file; None within its table."""
    at = size
    while at > 0:
        at = max(0, at - _PAGE)
        file.seek(at)
        block = file.read(_PAGE + 300)  # so that the table of a page is whole
        found = block.rfind(b"OggS", 0, _PAGE + 3)
        if found < 0:
            continue
        page = block[found : found + 282]
        if len(page) < 27 or len(page) < 27 + page[26]:
            return None
        end = at + found + 27 + page[26] + sum(page[27 : 27 + page[26]])
        file.seek(max(0, end - 16))
        # A download that broke off may leave zeros.
        return end if end >= size or any(file.read(16)) else None
    return None
