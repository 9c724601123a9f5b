"""Draw a clip as every front end sees it.

mgr-jax report frontends --audio=song.mp3 --start=30 --seconds=10 --out=song
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "examine"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("audio", None, "An audio file.")
    flags.path("out", None, "Folder to write to; <file>_frontends unless given.")
    flags.number("start", 0.0, "Where to begin, in seconds.")
    flags.number("seconds", 10.0, "How much to draw.")
    flags.switch("progress", True, "Show bars.")


def main(flags: Flags, args: list[str]) -> None:
    """Writes the pages and prints where they are."""
    flags.require(audio="a file, such as song.mp3")
    options = flags.given("out", "start", "seconds", "progress")
    say(f"Wrote {mgr_jax.draw_frontends(flags.audio, **options)}")
