"""GTZAN's names of genres and tracks, and other spellings of them."""

import os
import re

from mgr_jax.audio.listing import AUDIO_SUFFIXES
from mgr_jax.data.genres import alike_key, tidy_name

GENRES = (
    "blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock",
)  # fmt: skip

_GENRE_OF = {alike_key(genre): genre for genre in GENRES}
_DIGITS = 5
_TRACK = re.compile(r"(.+?)[\W_]*(\d*)")  # the genre and the number, without a suffix


def genre_of(name: str) -> str:
    """The genre that a name means; empty if none."""
    return _GENRE_OF.get(alike_key(name), "")


def file_genre(name: str) -> str:
    """The genre in the name of a file, before its number of any length."""
    return _split(name)[0]


def track_of(name: str) -> str:
    """The track that a name below the genres' folder means; empty if none."""
    folder = name.rpartition("/")[0]
    genre, number, suffix = _split(name)
    fits = genre and len(number) == _DIGITS and suffix in AUDIO_SUFFIXES
    return f"{genre}.{number}" if fits and (not folder or genre_of(folder) == genre) else ""


def why_no_track(name: str) -> str:
    """Why a file that is nearly a track is not one; empty if it has nothing to do with GTZAN.

    Args:
      name: name of the file, with its folders.
    """
    *folders, file = name.split("/")
    genre, number, suffix = _split(file)
    told = next(filter(None, map(genre_of, reversed(folders))), "")
    if suffix not in AUDIO_SUFFIXES:
        return "is no audio file" if genre and len(number) == _DIGITS else ""
    if not (genre or told):
        return ""
    if not genre:
        return f"is not called {told}.<{_DIGITS} digits>"
    if len(number) != _DIGITS:
        return f"has a number of {len(number)} digits instead of {_DIGITS}"
    if told != genre and told:
        return f"is called {genre} and lies in {told}"
    return "does not lie in the folder of its genre, or that one too deep"


def _split(name: str) -> tuple[str, str, str]:
    """Genre, number and suffix of a file; the genre is empty if none is meant."""
    stem, suffix = os.path.splitext(tidy_name(name.rpartition("/")[2]))
    match = _TRACK.fullmatch(stem)
    return (genre_of(match[1]), match[2], suffix.lower()) if match else ("", "", suffix.lower())
