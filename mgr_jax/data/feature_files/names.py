"""Interprets names of tracks and files in a table: the track, its segment, its genre."""

import re
from collections.abc import Iterable

from mgr_jax.audio.listing import AUDIO_SUFFIXES

# As in GTZAN's tables, whatever the genre: blues.00000.3, hip-hop.00012.10.
_SEGMENT = re.compile(r"((?:.*/)?[^/.]+\.[0-9]{5})\.([0-9]{1,18})")


def track_names(texts: Iterable[str]) -> list[str]:
    """Names of tracks, from a column of tracks or of files.

    An audio suffix is removed, and so are the folders, unless tracks of several folders would then
    share a name. From segment names as in GTZAN's tables, `<genre>.<five digits>.<number>`
    (blues.00000.3.wav), the number is removed too. Other numbers are part of the name: a.1.wav and
    a.2.wav are two tracks.
    """
    full = full_names(texts)
    short = [_last(name) for name in full]
    return full if len(set(full)) > len(set(short)) else short


def full_names(texts: Iterable[str]) -> list[str]:
    """The same with all folders."""
    stems = map(_stem, texts)
    return [found[1] if (found := _SEGMENT.fullmatch(stem)) else stem for stem in stems]


def segment_number(text: str, track: str = "") -> int | None:
    """The number of the segment that a file is; None if its name has none.

    Args:
      text: name of the file.
      track: name of its track in another column. The number is then what follows that name (a.3.wav
        of the track a; 000002.3.mp3 of the track 2), else that of `track_names`.
    """
    stem = _stem(text)
    if found := _SEGMENT.fullmatch(stem):
        return int(found[2])
    before, _, number = _last(stem).rpartition(".")
    if before and re.fullmatch("[0-9]{1,18}", number) and _same(before, _last(_stem(track))):
        return int(number)
    return None


def natural_key(name: str) -> tuple[list[tuple[int, str]], str]:
    """A sort key in which numbers count as numbers: 10 comes after 9."""
    parts = re.split("([0-9]+)", name)  # text, number, text, …
    parts[1::2] = [number.lstrip("0") for number in parts[1::2]]
    # The name itself breaks ties: 07 and 7 are two.
    return [(len(p) if place % 2 else 0, p) for place, p in enumerate(parts)], name


def genre_of(track: str) -> str:
    """The part of a track's name before its first dot; empty without a dot."""
    genre, dot, _ = track.partition(".")
    return genre if dot else ""


def _stem(text: str) -> str:
    name = text.strip().replace("\\", "/")
    for suffix in AUDIO_SUFFIXES:
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _same(one: str, other: str) -> bool:
    digits = one.isdecimal() and other.isdecimal()
    return one == other or (digits and one.lstrip("0") == other.lstrip("0"))
