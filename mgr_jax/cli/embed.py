r"""Write embeddings of audio files or of a dataset.

  mgr-jax embed --model=runs/a --out=embeddings.parquet my_music/ song.mp3
  mgr-jax embed --model=runs/a --out=windows.npz --per=segment --hop=1 \
    my_music/
  mgr-jax embed --model=runs/a --out=dataset.parquet \
    --split=train,validation,test

Each row has name, start, end, label, probability and the embedding. It also has genre, artist and
title if they are known, from an index.csv in the folder or else from the tags of the file. The
metadata of the table says how it was made (docs/embeddings_format.md). The same command goes on
after an interruption; FILE.parts has what is finished. `mgr-jax search` finds the nearest rows.
"""

import sys

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags
from mgr_jax.cli._predicting import define_reading

GROUP = "use"
ARGUMENTS = "[FILE or FOLDER …]"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    define_reading(flags)
    flags.path("out", None, "The table, .parquet or .npz.")
    flags.names("split", None, "Splits of the run's dataset, in place of files.")
    flags.choice("per", "track", ["track", "segment"], "A row for each track, or each window.")
    flags.number("hop", None, "Seconds from one window to the next; the fewest that cover.", 0)
    flags.path("table", None, "A row for every file, for a fusion with one.")
    flags.path("data_dir", None, "TFDS folder, if it has moved since training.")


def main(flags: Flags, args: list[str]) -> None:
    """Writes the table, says where it is, and names the files that cannot be used."""
    flags.require(model="the folder of a trained run, such as runs/a", out="the table to write")
    options = flags.given("per", "hop", "table", "data_dir", "checkpoint", "limits", "workers")
    made = mgr_jax.embed(
        flags.model,
        args,
        splits=flags.split or (),
        out=flags.out,
        progress=flags.progress,
        **options,
    )
    say(made)
    for failure in made.failures[:-1]:
        say(failure, file=sys.stderr)
    if made.failures:
        raise mgr_jax.UserError(made.failures[-1], code="predict.failed")
