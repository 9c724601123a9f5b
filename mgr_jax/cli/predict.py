"""Classifies audio files and folders of any length, rate and number of channels.

  mgr-jax predict --model=runs/a song.mp3 folder/ --timeline --json=result.json
  mgr-jax predict --model=runs/b --features=mel.npz

A model of features reads an .npz or .csv file of them instead.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from absl import flags as absl_flags

from mgr_jax.errors import UserError


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    del argv
    absl_flags.DEFINE_string("model", None, "Work directory of a run.", flag_values=flags)
    absl_flags.DEFINE_string("features", None, "A file of features.", flag_values=flags)
    absl_flags.DEFINE_string("checkpoint", "best", "best, latest or a step.", flag_values=flags)
    absl_flags.DEFINE_integer("top", 3, "How many classes to name.", flag_values=flags)
    absl_flags.DEFINE_bool("timeline", False, "Say what every part is like.", flag_values=flags)
    absl_flags.DEFINE_string("json", None, "Also write all probabilities here.", flag_values=flags)


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Predicts every file or track; files that cannot be read are named at the end."""
    if flags.json:  # before the work, not after it
        Path(flags.json).parent.mkdir(parents=True, exist_ok=True)
    if bool(args) == bool(flags.features) or not flags.model:
        raise UserError(
            "give --model and audio files or folders (mgr-jax predict --model=runs/a x.mp3), or "
            "--features=FILE instead of them"
        )
    from mgr_jax import predictor as predictors
    from mgr_jax.audio.io import AudioError

    files = _list_files(args)
    predictor = predictors.load(flags.model, checkpoint=flags.checkpoint)
    results, failures = {}, []
    if flags.features:
        from mgr_jax.cli.feature_files import read_for_run

        table = read_for_run(Path(flags.features).expanduser(), Path(flags.model).expanduser())
        predictions = predictor.predict_tracks(table.features)
        for track, prediction in zip(table.track_id, predictions, strict=True):
            results[track] = _show(track, prediction, flags)
    for path in files:
        try:
            results[str(path)] = _show(str(path), predictor.predict(path), flags)
        except AudioError as error:
            failures.append(str(error))
    for failure in failures[:-1]:
        print(failure, file=sys.stderr)
    if flags.json:
        Path(flags.json).write_text(json.dumps(results, indent=2) + "\n")
    if failures:
        raise UserError(failures[-1])


def _list_files(arguments: Iterable[str]) -> list[Path]:
    from mgr_jax.audio.io import list_audio_files

    files: list[Path] = []
    for argument in arguments:
        path = Path(argument).expanduser()
        found = list_audio_files(path) if path.is_dir() else [path]
        if not found:
            raise UserError(f"{path} holds no audio files")
        files += found
    return files


def _show(name: str, prediction: Any, flags: absl_flags.FlagValues) -> dict[str, Any]:
    """Prints a Prediction; returns all of it for JSON."""
    top = ", ".join(f"{label} {100 * p:.0f} %" for label, p in prediction.top(flags.top))
    print(f"{name}: {top}")
    if flags.timeline:
        for start, end, label, probability in prediction.timeline():
            print(f"  {_clock(start)}-{_clock(end)}  {label} {100 * probability:.0f} %")
    return {
        "label": prediction.label,
        "classes": prediction.classes,
        "track": prediction.track_probabilities.tolist(),
        "start": prediction.start.tolist(),
        "end": prediction.end.tolist(),
        "segments": prediction.probabilities.tolist(),
    }


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"
