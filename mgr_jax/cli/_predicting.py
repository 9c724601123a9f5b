"""Flags that commands for prediction share, and their values as arguments."""

from typing import Any

import mgr_jax
from mgr_jax.cli._flags import Flags
from mgr_jax.errors import unknown_name

# Those of runs.formats, which is not imported for --help, and what stands for other things.
_FORMATS = ("text", "csv", "jsonl", "parquet", "audacity", "m3u", "png", "crowdai")


def define_reading(flags: Flags) -> None:
    """Defines which model listens to which files, and how they are read."""
    flags.path("model", None, "Folder of a run, or the name of a pretrained network.")
    flags.text("checkpoint", "best", "best, latest or a step.")
    flags.limits()
    flags.integer("workers", None, "Decoding processes; one per CPU unless given.", least=0)
    flags.switch("progress", True, "Show a bar.")


def define_rules(flags: Flags) -> None:
    """Defines what is to be told."""
    flags.group("results shown")
    flags.names("classes", None, "Show only these classes, separated by commas.")
    flags.number("min_probability", None, "Lowest probability to show, 0 to 1.", least=0)
    flags.path("genre_tree", None, "Parents of genres: a CSV of child,parent; FMA's genres.csv.")


def rules_of(flags: Flags) -> Any:
    """The rules, as `predict_files` takes them."""
    tree = mgr_jax.read_genre_tree(flags.genre_tree) if flags.genre_tree else {}
    return mgr_jax.Rules(tuple(flags.classes or ()), flags.min_probability, tree)


def define_timeline(flags: Flags) -> None:
    """Defines whether and how a timeline is made."""
    flags.group("timeline")
    flags.switch("timeline", False, "Show the genres of every part; --hop and the like imply it.")
    flags.number("hop", None, "Seconds between windows; the model's own unless given.", least=0)
    flags.number("smoothing", None, "Seconds to average over.", least=0)
    flags.number(
        "hysteresis", None, "How much more probable another genre must be to take over.", least=0
    )
    flags.number("min_section", None, "Seconds of the shortest section.", least=0)


def timeline_of(flags: Flags) -> Any:
    """The timeline, as `predict_files` takes it."""
    settings = flags.given("hop", "smoothing", "hysteresis", "min_section")
    settings["min_length"] = settings.pop("min_section")
    given = {name: value for name, value in settings.items() if value is not None}
    return given or flags.timeline


def define_output(flags: Flags) -> None:
    """Defines where results go, and as what."""
    flags.group("output")
    flags.names(
        "format",
        None,
        "Formats to write, separated by commas: text, csv, jsonl, parquet, audacity, m3u, png "
        "(pictures of timelines); or crowdai. Without --out, one of the first three goes to "
        "standard output (text unless given). With --out, csv unless given.",
    )
    flags.path("out", None, "Beginning of the names of result files; genres: genres.jsonl.")
    flags.switch("beside", False, "Write song.mp3.mgr-jax.csv and the like beside each song.")
    flags.choice("order", "input", ["input", "arrival"], "Order of the results.")
    flags.switch("dry_run", False, "Only list what would be done with each file, and why.")
    flags.choice(
        "write_tags",
        None,
        ["show", "keep", "replace"],
        "Write genres into the music files (mp3, flac, ogg, opus, m4a, …) as tags. show: only list "
        "what would be written; keep: leave existing genres; replace: overwrite them. The sound, "
        "other tags and the times of a file do not change. Needs mutagen, which is "
        "GPL-2.0-or-later and no part of mgr_jax: pip install 'mgr-jax[tags]'.",
    )


def output_of(flags: Flags) -> dict[str, Any]:
    """The place and formats of results, as `predict_files` takes them."""
    formats = [name for name in flags.format or ["csv"] if name != "text"]
    return {
        "out": flags.out,
        "formats": formats if flags.out else None,
        "in_order": flags.order == "input",
        **flags.given("beside", "dry_run", "write_tags"),
    }


def shown_of(flags: Flags) -> str:
    """The format on standard output: text, csv or jsonl; empty if there is none.

    Raises:
      UserError: a format needs a file, or does not exist.
    """
    formats = flags.format or (["csv"] if flags.out else ["text"])
    for name in formats:
        if name not in _FORMATS:
            raise unknown_name("format", name, _FORMATS)
    if flags.out:
        return "text" if "text" in formats else ""
    if len(formats) > 1 or formats[0] not in ("text", "csv", "jsonl"):
        raise mgr_jax.UserError(
            f"--format={','.join(formats)} is written to files; give --out, such as --out=genres, "
            "or one of text, csv and jsonl, which are written to standard output",
            code="argument.missing",
        )
    return formats[0]


def is_submission(flags: Flags) -> bool:
    """Whether a submission to a challenge is to be written.

    Raises:
      UserError: flags do not fit a submission.
    """
    if "crowdai" not in (flags.format or ()):
        if flags.missing_classes:
            raise mgr_jax.UserError(
                "--missing_classes is of submissions; give --format=crowdai, or leave it out",
                code="argument.not_applicable",
            )
        return False
    told = flags.classes or flags.min_probability is not None or flags.genre_tree
    others = timeline_of(flags) or told or flags.features
    others = others or flags.beside or flags.dry_run or flags.write_tags
    if flags.format != ["crowdai"] or not flags.out or others:
        raise mgr_jax.UserError(
            "a submission takes --format=crowdai, --out=submission.csv and folders of mp3 files; "
            "leave out --features, --timeline and what goes with it, --classes, "
            "--min_probability, --genre_tree, --beside, --dry_run and --write_tags",
            code="argument.not_applicable",
        )
    return True
