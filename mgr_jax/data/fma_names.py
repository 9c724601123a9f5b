"""File names of FMA: 000/000002.mp3 is track 2, in the folder of its thousands.

Case does not count: disks and programs write .MP3 too.
"""

import re

_FILE = re.compile(r"(?:.*/)?(\d{3})/(\1\d{3})\.mp3", re.IGNORECASE | re.ASCII | re.DOTALL)


def fma_track(path: str) -> str:
    """The track that a path in FMA's form names, such as "2"; empty for other paths."""
    match = _FILE.fullmatch(path)
    return fma_number(match[2]) if match else ""


def fma_number(stem: str) -> str:
    """A file's name without suffix as in FMA's tables: six digits lose their leading zeros."""
    return str(int(stem)) if re.fullmatch(r"\d{6}", stem, re.ASCII) else stem
