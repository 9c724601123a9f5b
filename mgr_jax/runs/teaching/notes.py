"""Notes on the songs that are taught, which put the scores into perspective."""

from collections import Counter
from collections.abc import Collection, Sequence

from mgr_jax.errors import some_names
from mgr_jax.runs.teaching.songs import Grouping, Song

_FEW = 5  # songs per genre
_UNEVEN = 5  # times


def notes_about(songs: Sequence[Song], genres: Sequence[str], grouping: Grouping) -> list[str]:
    """Warns of genres of few songs or of one group, and of imbalance.

    Args:
      songs: the songs that are taught.
      genres: names of the genres.
      grouping: groups of the songs.

    Returns:
      A sentence each.
    """
    counts = Counter(song.genre for song in songs)
    scored = {song.genre for song, one in zip(songs, grouping.scored, strict=True) if one}
    notes = []
    if alone := [genre for genre in genres if genre not in scored]:
        notes.append(f"{some_names(alone)}: one song, used for training but not scored.")
    if few := [genre for genre in genres if genre in scored and counts[genre] < _FEW]:
        notes.append(f"{some_names(few)}: fewer than five songs, too few to learn much from.")
    if grouping.parted:
        notes.append(
            f"All songs of {some_names(grouping.parted)} are of one artist, album or folder, so "
            "the score may measure these and not genres."
        )
    most, least = max(counts.values()), min(counts.values())
    if most >= _UNEVEN * least and least > 1:
        notes.append(f"{most} songs of one genre, {least} of another: look at macro F1.")
    return notes


def note_on_mapping(mapped: Collection[str], genres: Sequence[str]) -> str:
    """Why the encoder's own outputs are not scored: too few genres have a class."""
    return (
        f"The encoder's own outputs are not scored, as only {len(mapped)} of {len(genres)} genres "
        "have the name of one of its classes; map classes to genres (`mapping`)."
    )


def notes_on_before(
    songs: Sequence[Song], known: Collection[str], results: Sequence[str]
) -> list[str]:
    """Describes what an earlier model in the same folder leaves behind.

    Args:
      songs: the songs that are taught now.
      known: paths of the songs that were taught before.
      results: names of the earlier model's result tables.

    Returns:
      A sentence each.
    """
    notes = []
    if gone := len(set(known) - {song.path for song in songs}):
        notes.append(
            f"{gone} of the {len(known)} earlier songs no longer exist, or cannot be used."
        )
    if results:
        notes.append(
            f"{some_names(results)} in predictions/ are of the earlier model; evaluate again."
        )
    return notes
