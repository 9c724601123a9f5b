r"""Recognise genres while music plays, line by line.

  mgr-jax listen --model=runs/a --input=set.flac --hop=5
  arecord -f S16_LE -r 44100 -c 1 -t raw | \
    mgr-jax listen --model=runs/a --input=-
  parec --format=s16le --rate=44100 --channels=1 | \
    mgr-jax listen --model=runs/a --input=-
  ffmpeg -re -i http://radio/stream -f s16le -ac 1 -ar 44100 - | \
    mgr-jax listen --model=runs/a --input=-

A line shows the end of a window and its genres; windows are as long as the model's clips. A file is
read as fast as possible; ffmpeg -re plays it in real time. Ctrl-C ends the command. Channels are
averaged. If two channels cancel each other, use predict, which notices it in the whole file.
"""

import sys

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags
from mgr_jax.cli._predicting import define_rules, rules_of

GROUP = "use"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("model", None, "Folder of a run, or the name of a pretrained network.")
    flags.text("checkpoint", "best", "best, latest or a step.")
    flags.path("input", None, "An audio file; - reads raw samples from standard input.")
    flags.integer("sample_rate", 44_100, "Sample rate of raw samples, in Hz.", least=1)
    flags.integer("channels", 1, "Number of channels of raw samples.", least=1)
    flags.choice("format", "s16le", ["s16le", "f32le"], "Of raw samples: 16-bit or floats.")
    flags.number("hop", 1.0, "Seconds from one window to the next.", least=0)
    flags.limits()
    define_rules(flags)
    flags.integer("top", 3, "How many classes to name.", least=1)


def main(flags: Flags, args: list[str]) -> None:
    """Prints each prediction as soon as it is there."""
    flags.require(model="the folder of a trained run, such as runs/a", input="a file, or -")
    is_raw = str(flags.input) == "-"
    if is_raw and sys.stdin.isatty():
        raise mgr_jax.UserError(
            "--input=- reads raw samples, but standard input is a terminal; see listen --help for "
            "recorders to put before it",
            code="live.terminal",
        )
    options = flags.given("sample_rate", "channels", "format", "hop", "checkpoint", "limits")
    source = sys.stdin.buffer if is_raw else flags.input
    for prediction in mgr_jax.listen(flags.model, source, rules=rules_of(flags), **options):
        say(prediction.describe(flags.top))
