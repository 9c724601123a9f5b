r"""Recognise the genres of audio files and folders.

  mgr-jax predict --model=runs/a song.mp3 folder/ --timeline
  mgr-jax predict --model=runs/a folder/ --out=genres \
    --format=csv,parquet,audacity,m3u
  mgr-jax predict --model=runs/a folder/ --write_tags=show
  mgr-jax predict --model=runs/fma --format=crowdai --out=out.csv fma_test/

With --out=genres, genres.jsonl gets a line for each finished file. After an interruption the same
command resumes: it skips finished files, and predicts files again that have changed. It also writes
genres.csv, genres.labels/ for Audacity and genres.timelines/ (png) file by file; genres.parquet and
genres.playlists/, one for each genre, at the end. With --beside they are written beside each song.

A model of features reads them from an .npz or .csv file (--features). --format=crowdai writes a
submission to the WWW 2018 genre recognition challenge: a row per file, a column per FMA root genre.
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
    flags.path("features", None, "A file of features, for a model that reads no audio.")
    flags.path("table", None, "A row for each file or track, for a fusion with a table.")
    predicting.define_rules(flags)
    flags.integer("top", 3, "How many classes to name.", least=1)
    predicting.define_timeline(flags)
    predicting.define_output(flags)
    flags.choice("missing_classes", None, ["zero"], "crowdai: write 0 for genres it lacks.")


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
