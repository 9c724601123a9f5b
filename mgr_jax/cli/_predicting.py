"""Flags that several commands share which listen to audio, and what they come to."""

from typing import Any

import mgr_jax
from mgr_jax.cli._flags import Flags


def define_reading(flags: Flags) -> None:
    """Defines which model listens to which files, and how they are read."""
    flags.path("model", None, "Folder of a run.")
    flags.text("checkpoint", "best", "best, latest or a step.")
    flags.limits()
    flags.integer("workers", None, "Decoding processes; as many as CPUs.", least=0)
    flags.switch("progress", True, "Show a bar.")


def define_rules(flags: Flags) -> None:
    """Defines what is to be told."""
    flags.names("classes", None, "Tell only these classes, with commas between.")
    flags.number("min_probability", None, "Tell nothing less probable, from 0 to 1.", least=0)
    flags.path("genre_tree", None, "Parents of genres: a CSV of child,parent; FMA's genres.csv.")


def rules_of(flags: Flags) -> Any:
    """What is to be told, as `predict_files` takes it."""
    tree = mgr_jax.read_genre_tree(flags.genre_tree) if flags.genre_tree else {}
    return mgr_jax.Rules(tuple(flags.classes or ()), flags.min_probability, tree)


def define_timeline(flags: Flags) -> None:
    """Defines whether and how a timeline is made."""
    flags.switch("timeline", False, "Say what every part is like; as do --hop, --smoothing, …")
    flags.number("hop", None, "Seconds between windows; else as the model says.", least=0)
    flags.number("smoothing", None, "Seconds that are averaged over.", least=0)
    flags.number(
        "hysteresis", None, "How much more probable another genre must be to take over.", least=0
    )
    flags.number("min_section", None, "Seconds of the shortest section.", least=0)


def timeline_of(flags: Flags) -> Any:
    """The timeline that is asked for, as `predict_files` takes it."""
    settings = flags.given("hop", "smoothing", "hysteresis", "min_section")
    settings["min_length"] = settings.pop("min_section")
    given = {name: value for name, value in settings.items() if value is not None}
    return given or flags.timeline
