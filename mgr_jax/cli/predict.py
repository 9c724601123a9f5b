"""Classify audio files and folders of any length, rate and channels.

mgr-jax predict --model=runs/a song.mp3 folder/ --timeline
mgr-jax predict --model=runs/fma --format=crowdai --out=submission.csv fma_test/

A model of features reads an .npz or .csv file of them instead. --format=crowdai writes a submission
to the WWW 2018 genre recognition challenge: a row per file, a column per FMA root genre; a file
that cannot be read is named, and gets equal probabilities.
"""

import sys

import mgr_jax
from mgr_jax.cli._flags import Flags
from mgr_jax.cli._predicting import (
    define_reading,
    define_rules,
    define_timeline,
    rules_of,
    timeline_of,
)
from mgr_jax.errors import printable

ARGUMENTS = "[FILE or FOLDER …]"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    define_reading(flags)
    flags.path("features", None, "A file of features, instead of audio.")
    flags.path("table", None, "A row for every file or track, for a fusion with one.")
    flags.integer("top", 3, "How many classes to name.", least=1)
    define_rules(flags)
    define_timeline(flags)
    flags.choice("format", "text", ["text", "crowdai"], "What to write.")
    flags.target("out", "crowdai: the submission, a .csv file.")
    flags.choice("missing_classes", None, ["zero"], "crowdai: let the model lack some genres.")


def main(flags: Flags, args: list[str]) -> None:
    """Predicts every file or track; files that cannot be read are named at the end."""
    flags.require(model="the folder of a trained run, such as runs/a")
    if (flags.format == "crowdai") != bool(flags.out) or (flags.out and flags.features):
        raise mgr_jax.UserError(
            "a submission takes --format=crowdai, --out=submission.csv and folders of mp3 files, "
            "and not --features",
            code="argument.not_applicable",
        )
    if flags.out:
        options = flags.given("table", "checkpoint", "missing_classes", "limits", "workers")
        submission = mgr_jax.write_submission(
            flags.model, args, flags.out, progress=flags.progress, **options
        )
        for failure in submission.failures:
            print(failure, file=sys.stderr)
        print(submission)
        return
    options = flags.given("features", "table", "checkpoint", "limits", "workers")
    predictions = mgr_jax.predict_files(
        flags.model, args, timeline=timeline_of(flags), rules=rules_of(flags), **options
    )
    for name, prediction in predictions:
        print(f"{printable(name)}: {prediction.describe(flags.top)}")
    for failure in predictions.failures[:-1]:
        print(failure, file=sys.stderr)
    if predictions.failures:
        raise mgr_jax.UserError(predictions.failures[-1], code="predict.failed")
