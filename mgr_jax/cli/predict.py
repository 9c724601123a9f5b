"""Classifies audio files and folders of any length, rate and number of channels.

mgr-jax predict --model=runs/a song.mp3 folder/ --timeline --json=result.json
"""

import json
import sys
from pathlib import Path

from absl import flags as absl_flags

from mgr_jax.errors import UserError


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    del argv
    absl_flags.DEFINE_string("model", None, "Work directory of a run.", flag_values=flags)
    absl_flags.DEFINE_string("checkpoint", "best", "best, latest or a step.", flag_values=flags)
    absl_flags.DEFINE_integer("top", 3, "How many classes to name.", flag_values=flags)
    absl_flags.DEFINE_bool("timeline", False, "Say what every part is like.", flag_values=flags)
    absl_flags.DEFINE_string("json", None, "Also write all probabilities here.", flag_values=flags)


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Predicts every file; those that cannot be read are named at the end."""
    if flags.json:  # before the work, not after it
        Path(flags.json).parent.mkdir(parents=True, exist_ok=True)
    if not args or not flags.model:
        raise UserError(
            "give --model and audio files or folders: mgr-jax predict --model=runs/a x.mp3"
        )
    from mgr_jax import predictor as predictors
    from mgr_jax.audio.io import list_audio_files

    files: list[Path] = []
    for argument in args:
        path = Path(argument).expanduser()
        found = list_audio_files(path) if path.is_dir() else [path]
        if not found:
            raise UserError(f"{path} holds no audio files")
        files += found
    predictor = predictors.load(flags.model, checkpoint=flags.checkpoint)

    results, failures = {}, []
    for path in files:
        try:
            prediction = predictor.predict(path)
        except UserError as error:
            failures.append(str(error))
            continue
        top = ", ".join(f"{name} {100 * p:.0f} %" for name, p in prediction.top(flags.top))
        print(f"{path}: {top}")
        if flags.timeline:
            for start, end, label, probability in prediction.timeline():
                print(f"  {_clock(start)}-{_clock(end)}  {label} {100 * probability:.0f} %")
        results[str(path)] = {
            "label": prediction.label,
            "classes": prediction.classes,
            "track": prediction.track_probabilities.tolist(),
            "start": prediction.start.tolist(),
            "end": prediction.end.tolist(),
            "segments": prediction.probabilities.tolist(),
        }
    for failure in failures[:-1]:
        print(failure, file=sys.stderr)
    if flags.json:
        Path(flags.json).write_text(json.dumps(results, indent=2) + "\n")
    if failures:
        raise UserError(failures[-1])


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"
