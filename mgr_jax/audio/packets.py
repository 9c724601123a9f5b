"""The coded sound of a file. It must not change when only the tags around it change."""

import hashlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from mgr_jax.audio.decoder import CONTAINERS, import_av
from mgr_jax.audio.encoded import Part
from mgr_jax.audio.headers import read_header


def digest_packets(file: BinaryIO, suffix: str) -> str:
    """A digest of the coded sound. Files with the same digest decode to the same samples.

    It covers all packets, their times, and the set-up data of the decoder. Nothing is decoded.

    Args:
      file: an audio file, open for reading.
      suffix: of its name, which identifies some formats.

    Raises:
      ValueError: there is no sound in it.
    """
    av, header, total = import_av(), read_header(file), hashlib.sha256()
    start: int | None = 0
    packets = 0
    # An Ogg file may hold several streams in a row; PyAV sees only the first.
    while start is not None:
        reached, is_whole = start, True
        try:
            for position, packet in _packets(av, Part(header.file, suffix, start)):
                reached = max(reached, start + position)
                total.update(packet)
                packets += 1
        except (av.FFmpegError, IndexError):
            is_whole = False
        start = None if is_whole else header.next_stream(reached)
    if not packets:
        raise ValueError("there is no sound in it")
    return total.hexdigest()


def _packets(av: Any, source: Part) -> Iterator[tuple[int, bytes]]:
    """What decoders are set up with, and the packets with their times; each with its end."""
    options = {"protocol_whitelist": "none", "format_whitelist": CONTAINERS}
    with av.open(source, "r", options=options, metadata_errors="replace") as container:
        for stream in container.streams.audio:
            codec = stream.codec_context
            told = (stream.index, codec.name, stream.rate, stream.time_base, stream.start_time)
            yield 0, f"{told}".encode() + _setup(codec)
        for packet in container.demux(container.streams.audio):
            if packet.size:
                times = (packet.stream.index, packet.pts, packet.dts, packet.duration, packet.size)
                yield (packet.pos or 0) + packet.size, f"{times}".encode() + bytes(packet)


def _setup(codec: Any) -> bytes:
    """What a decoder is set up with; of Vorbis without the comments, which lie in their midst."""
    setup = bytes(codec.extradata or b"")
    if codec.name != "vorbis" or setup[:1] != b"\x02":
        return setup
    at, sizes = 1, []
    for _ in range(2):  # of the first two of three headers, as Xiph writes sizes
        size = 0
        while setup[at : at + 1] == b"\xff":
            size, at = size + 255, at + 1
        sizes.append(size + setup[at])
        at += 1
    first, comments = sizes
    return setup[at : at + first] + setup[at + first + comments :]
