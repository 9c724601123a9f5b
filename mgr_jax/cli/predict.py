r"""Recognise the genres of audio files and folders.

  mgr-jax predict --model=runs/a song.mp3 folder/ --timeline
  mgr-jax predict --model=runs/a folder/ --out=genres \
    --format=csv,parquet,audacity,m3u
  mgr-jax predict --model=runs/a folder/ --write_tags=show
  mgr-jax predict --model=runs/fma --format=crowdai --out=out.csv fma_test/

With --out, genres.jsonl gets a line for each file as soon as it is done. After a kill the same
command goes on: it skips finished files and repeats changed ones. The other formats are made from
it: genres.csv, genres.labels/ (Audacity), genres.timelines/ (png), then genres.parquet and
genres.playlists/. --beside writes them beside each song, such as song.mp3.mgr-jax.txt.

A model of stored features reads an .npz or .csv file. --format=crowdai writes a submission to the
WWW 2018 genre recognition challenge: a row for each file, a column for each FMA root genre.
"""

import sys

import mgr_jax
from mgr_jax.cli import _predicting as predicting
from mgr_jax.cli._console import leave_output_to_results, say
from mgr_jax.cli._flags import Flags

GROUP = "use"
ARGUMENTS = "[FILE or FOLDER …]"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    predicting.define_reading(flags)
    flags.path("features", None, "A file of features, instead of audio.")
    flags.path("table", None, "A row for every file or track, for a fusion with one.")
    predicting.define_rules(flags)
    flags.integer("top", 3, "How many classes to name.", least=1)
    predicting.define_timeline(flags)
    predicting.define_output(flags)
    flags.choice("missing_classes", None, ["zero"], "crowdai: let the model lack some genres.")


def main(flags: Flags, args: list[str]) -> None:
    """Predicts every file or track; files that cannot be read are named at the end."""
    flags.require(model="the folder of a trained run, such as runs/a")
    options = flags.given("table", "checkpoint", "limits", "workers", "progress")
    if predicting.is_submission(flags):
        options |= flags.given("missing_classes")
        done = mgr_jax.write_submission(flags.model, args, flags.out, **options)
        say(*done.failures, file=sys.stderr)
        say(done)
        return
    shown = predicting.shown_of(flags)
    leave_output_to_results(shown in ("csv", "jsonl"))
    timeline, rules = predicting.timeline_of(flags), predicting.rules_of(flags)
    options |= predicting.output_of(flags) | flags.given("features")
    found = mgr_jax.predict_files(flags.model, args, timeline=timeline, rules=rules, **options)
    if flags.dry_run:
        say(*found.plan)
        return
    try:
        for line in found.lines(shown, flags.top):
            say(line.removesuffix("\n"), wrap=shown == "text")
    except mgr_jax.UserError:  # such as of results that could not be written
        say(*found.tag_changes, *found.failures, file=sys.stderr)
        raise
    say(*found.tag_changes, file=sys.stdout if shown == "text" else sys.stderr)
    if flags.out:
        say(found)
    say(*found.failures[:-1], file=sys.stderr)
    if found.failures:
        raise mgr_jax.UserError(found.failures[-1], code="predict.failed")
