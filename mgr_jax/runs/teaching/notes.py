"""What is to be known of the songs that are taught, before the scores are believed."""

from collections import Counter
from collections.abc import Collection, Sequence

from mgr_jax.errors import some_names
from mgr_jax.runs.teaching.songs import Grouping, Song

_FEW = 5  # songs of a genre
_UNEVEN = 5  # times


def notes_about(songs: Sequence[Song], genres: Sequence[str], grouping: Grouping) -> list[str]:
    """Sentences on genres of few songs or of one group, and on imbalance.

    Args:
      songs: that are taught.
      genres: their names.
      grouping: of the songs.
    """
    counts = Counter(song.genre for song in songs)
    scored = {song.genre for song, one in zip(songs, grouping.scored, strict=True) if one}
    notes = []
    if alone := [genre for genre in genres if genre not in scored]:
        notes.append(f"{some_names(alone)}: one song, which is learnt from but cannot be scored.")
    if few := [genre for genre in genres if genre in scored and counts[genre] < _FEW]:
        notes.append(f"{some_names(few)}: fewer than five songs, of which little can be learnt.")
    if grouping.parted:
        notes.append(
            f"All songs of {some_names(grouping.parted)} are of one artist, album or folder, so "
            "that the score may tell these apart and not genres."
        )
    most, least = max(counts.values()), min(counts.values())
    if most >= _UNEVEN * least and least > 1:
        notes.append(f"{most} songs of one genre, {least} of another: look at macro F1.")
    return notes


def note_on_mapping(mapped: Collection[str], genres: Sequence[str]) -> str:
    """Why the encoder's own outputs are not scored: too few of the genres have one."""
    return (
        f"The encoder's own outputs are not scored, as {len(mapped)} of {len(genres)} genres are "
        "called like a class of it; say which mean which (`mapping`)."
    )


def notes_on_before(
    songs: Sequence[Song], known: Collection[str], results: Sequence[str]
) -> list[str]:
    """Sentences on what a model that is taught again leaves behind.

    Args:
      songs: that are taught now.
      known: paths of those of before.
      results: tables of the model of before that stay.
    """
    notes = []
    if gone := len(set(known) - {song.path for song in songs}):
        notes.append(
            f"{gone} of the {len(known)} songs of before are not there any more, or cannot be used."
        )
    if results:
        notes.append(
            f"{some_names(results)} in predictions/ are of the model of before; evaluate it again."
        )
    return notes
