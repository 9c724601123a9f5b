r"""Write embeddings of audio files or of a dataset.

  mgr-jax embed --model=runs/a --out=embeddings.parquet my_music/ song.mp3
  mgr-jax embed --model=runs/a --out=windows.npz --per=segment --hop=1 \
    my_music/
  mgr-jax embed --model=runs/a --out=dataset.parquet \
    --split=train,validation,test

A row has name, start, end, label, probability and the embedding; also genre, artist and title if
they are known, from an index.csv in the folder or the tags of the file. The metadata say what made
the table (docs/embeddings_format.md). After an interruption the same command resumes; FILE.parts
has the finished rows. mgr-jax search finds the nearest rows.
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
    flags.names("split", None, "Splits of the run's dataset, instead of files.")
    flags.choice("per", "track", ["track", "segment"], "A row for each track, or each window.")
    flags.number("hop", None, "Seconds between windows; unless given, the fewest windows.", 0)
    flags.path("table", None, "A table with a row for each file, for a fusion with a table.")
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
