"""Let a model say "undecided" where it is not sure enough.

  mgr-jax calibrate --model=runs/a --precision=0.9 --report_split=test
  mgr-jax predict --model=runs/a song.mp3

It fits to the validation split: temperatures for the probabilities, thresholds below which a
prediction is undecided, and a check whether a sound is music at all. It writes them into the run's
model.json. docs/undecided.md says how far to believe them.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "use"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("model", None, "Work directory of a run.")
    flags.number("precision", 0.9, "Which share of the answers is to be right; 0: always answer.")
    flags.text("split", "validation", "Split whose tracks are used to calibrate.")
    flags.text("report_split", None, "Score this one too, such as test; it decides nothing.")
    flags.path("data_dir", None, "TFDS folder, if it has moved since training.")
    flags.switch("background", True, "Check whether sounds are music at all.")
    flags.switch("timeline", False, "Choose how sections of a timeline are made, on splices.")
    flags.switch("progress", True, "Show bars.")


def main(flags: Flags, args: list[str]) -> None:
    """Calibrates and prints."""
    flags.require(model="the work directory of a trained run, such as runs/a")
    options = flags.given(
        "precision", "split", "report_split", "data_dir", "background", "timeline", "progress"
    )
    say(mgr_jax.calibrate(flags.model, **options))
