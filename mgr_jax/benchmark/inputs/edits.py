"""Edits of files: other lengths in their headers, tags, junk, another container."""

import io
import struct
from collections.abc import Callable
from typing import Any


def _says(form: str, length: int, *places: tuple[bytes, int]) -> Callable[[bytes], bytes]:
    """Makes a file claim a length: at each place, given in bytes from the first tag of a kind."""

    def edit(data: bytes) -> bytes:
        edited = bytearray(data)
        for tag, offset in places:
            struct.pack_into(form, edited, data.index(tag) + offset, length)
        return bytes(edited)

    return edit


def wav_says(length: int) -> Callable[[bytes], bytes]:
    """Makes a WAV file claim this length in bytes for itself and its data."""
    return _says("<I", length, (b"RIFF", 4), (b"data", 4))


def au_says(length: int) -> Callable[[bytes], bytes]:
    """Makes an AU file claim this length in bytes for its data."""
    return _says(">I", length, (b".snd", 8))


def aiff_says(length: int) -> Callable[[bytes], bytes]:
    """Makes an AIFF file claim this length for itself, its frames and its data."""
    return _says(">I", length, (b"FORM", 4), (b"COMM", 10), (b"SSND", 4))


caf_says_nothing = _says(">q", -1, (b"data", 4))
rf64_says_nothing = _says("<Q", 0, (b"ds64", 8), (b"ds64", 16), (b"ds64", 24))


def flac_says_nothing(data: bytes) -> bytes:
    """Makes a FLAC file claim 0 samples, which means "unknown": 36 bits from 21.5 on."""
    return data[:21] + bytes([data[21] & 0xF0, 0, 0, 0, 0]) + data[26:]


def with_id3(data: bytes) -> bytes:
    """Inserts a tag with a picture of 300 kB before the sound."""
    size = 300_000
    digits = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    picture = b"\0image/png\0\3\0" + bytes(size - 23)
    return b"ID3\3\0\0" + digits + b"APIC" + struct.pack(">I", size - 10) + b"\0\0" + picture + data


def with_tags_behind(data: bytes) -> bytes:
    """Appends an APE tag, as mp3gain does, and an ID3v1 tag."""
    gain = b"+2.475000 dB"
    item = struct.pack("<II", len(gain), 0) + b"REPLAYGAIN_TRACK_GAIN\0" + gain
    size = struct.pack("<III", 2_000, len(item) + 32, 1)
    head, foot = (struct.pack("<I", 0x80000000 | is_head << 29) + bytes(8) for is_head in (1, 0))
    tag = b"APETAGEX" + size + head + item + b"APETAGEX" + size + foot
    return data + tag + b"TAG" + bytes(125)


def after_junk(data: bytes) -> bytes:
    """Inserts 2 kB before the sound, as a recorder that starts too early."""
    return bytes(range(1, 251)) * 8 + data


def moved_to(name: str) -> Callable[[bytes], bytes]:
    """Moves the same packets into another container."""

    def edit(data: bytes) -> bytes:
        import av

        moved = io.BytesIO()
        source: Any
        with av.open(io.BytesIO(data)) as source, av.open(moved, "w", format=name) as target:
            stream = target.add_stream_from_template(source.streams.audio[0])
            for packet in source.demux(audio=0):
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
        return moved.getvalue()

    return edit
