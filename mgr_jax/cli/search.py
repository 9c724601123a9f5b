r"""Find the tracks that sound like a song.

  mgr-jax search --like=song.mp3 --in=embeddings.parquet
  mgr-jax search --like=my_music/song.mp3 --in=embeddings.parquet \
    --not_same_artist --top=20

--like is the name of a track in the table, or any audio file, which the same model then embeds. It
is compared with all rows by the cosine of embeddings: a million rows take seconds. A line shows
similarity, name and place; also artist, title and genre if they are known.
"""

import sys

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "use"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.text("like", None, "A track of the table, or an audio file.")
    flags.path("in", None, "The table, .parquet or .npz.")
    flags.integer("top", 10, "How many tracks to name.", least=1)
    flags.switch("not_same_artist", False, "Leave out tracks of the same and of unknown artists.")
    flags.path("model", None, "Folder of the model that made the table, if it has moved.")
    flags.limits()


def main(flags: Flags, args: list[str]) -> None:
    """Searches and prints."""
    flags.require(like="an audio file or a track of the table", **{"in": "the table to search"})
    options = flags.given("top", "not_same_artist", "model", "limits")
    found = mgr_jax.search(flags.like, flags["in"].value, **options)
    for neighbour in found.nearest:
        say(neighbour)
    if found.unknown_artists:
        said = f"Left out {found.unknown_artists} rows whose artist is unknown."
        say(said, file=sys.stderr)
    if not found.nearest:
        raise mgr_jax.UserError(
            f"{flags['in'].value} holds no other track to compare; embed more files",
            code="search.nothing",
        )
