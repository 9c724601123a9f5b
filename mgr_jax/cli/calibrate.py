"""Let a model say "undecided" where it is not sure enough.

  mgr-jax calibrate --model=runs/a --precision=0.9 --report_split=test
  mgr-jax predict --model=runs/a song.mp3

It fits three things on the validation split: temperatures of the probabilities, thresholds below
which predictions are undecided, and a check whether a sound is music at all. It writes them to the
run's model.json.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "use"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("model", None, "Work directory of a run.")
    flags.number("precision", 0.9, "Share of decided answers that are to be right; 0: decide all.")
    flags.text("split", "validation", "Split to fit on.")
    flags.text("report_split", None, "Another split to score, such as test, and not to fit on.")
    flags.path("data_dir", None, "TFDS folder, if it has moved since training.")
    flags.switch("background", True, "Check whether sounds are music at all.")
    flags.switch("timeline", False, "Also choose the settings of timelines, on spliced tracks.")
    flags.switch("progress", True, "Show bars.")


def main(flags: Flags, args: list[str]) -> None:
    """Calibrates and prints."""
    flags.require(model="the work directory of a trained run, such as runs/a")
    options = flags.given(
        "precision", "split", "report_split", "data_dir", "background", "timeline", "progress"
    )
    say(mgr_jax.calibrate(flags.model, **options))
