"""Classifies audio files and folders of any length, rate and number of channels.

  mgr-jax predict --model=runs/a song.mp3 folder/ --timeline --json=result.json
  mgr-jax predict --model=runs/b --features=mel.npz
  mgr-jax predict --model=runs/fma --format=crowdai --out=submission.csv fma_test/

A model of features reads an .npz or .csv file of them instead. --format=crowdai writes a submission
to the WWW 2018 genre recognition challenge: a row per file, a column per FMA root genre; a file
that cannot be read is named, and gets equal probabilities.
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
    absl_flags.DEFINE_string(
        "table", "", "A row for every file or track, for a fusion with one.", flag_values=flags
    )
    absl_flags.DEFINE_string("checkpoint", "best", "best, latest or a step.", flag_values=flags)
    absl_flags.DEFINE_integer("top", 3, "How many classes to name.", flag_values=flags)
    absl_flags.DEFINE_bool("timeline", False, "Say what every part is like.", flag_values=flags)
    absl_flags.DEFINE_string("json", None, "Also write all probabilities here.", flag_values=flags)
    absl_flags.DEFINE_enum(
        "format", "text", ["text", "crowdai"], "What to write.", flag_values=flags
    )
    absl_flags.DEFINE_string("out", None, "The submission, a .csv file.", flag_values=flags)
    absl_flags.DEFINE_enum(
        "missing_classes",
        None,
        ["zero"],
        "Let a submission's model lack genres; they get a probability of 1e-6.",
        flag_values=flags,
    )


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Predicts every file or track; files that cannot be read are named at the end."""
    if flags.json:  # before the work, not after it
        Path(flags.json).parent.mkdir(parents=True, exist_ok=True)
    if bool(args) == bool(flags.features) or not flags.model:
        raise UserError(
            "give --model and audio files or folders (mgr-jax predict --model=runs/a x.mp3), or "
            "--features=FILE instead of them"
        )
    if flags.format == "crowdai":
        _submit(flags, args)
        return
    if flags.out or flags.missing_classes:
        raise UserError("--out and --missing_classes belong to --format=crowdai; add that")
    from mgr_jax import predictor as predictors
    from mgr_jax.audio.io import AudioError
    from mgr_jax.runs.feature_files import read_for_run, side_rows

    files = _list_files(args)
    predictor = predictors.load(flags.model, checkpoint=flags.checkpoint)
    results, failures = {}, []
    if flags.features:
        table = read_for_run(Path(flags.features).expanduser(), Path(flags.model).expanduser())
        sides = side_rows(flags.table, predictor, table.track_id)
        predictions = predictor.predict_tracks(table.features, sides=sides)
        for track, prediction in zip(table.track_id, predictions, strict=True):
            results[track] = _show(track, prediction, flags)
    names = [str(path) for path in files]
    for name, side in zip(names, side_rows(flags.table, predictor, names), strict=True):
        try:
            results[name] = _show(name, predictor.predict(name, side=side), flags)
        except AudioError as error:
            failures.append(str(error))
    for failure in failures[:-1]:
        print(failure, file=sys.stderr)
    if flags.json:
        Path(flags.json).write_text(json.dumps(results, indent=2) + "\n")
    if failures:
        raise UserError(failures[-1])


def _submit(flags: absl_flags.FlagValues, args: list[str]) -> None:
    if not flags.out or flags.features or flags.json or flags.timeline:
        raise UserError(
            "--format=crowdai takes --out=submission.csv and folders of mp3 files, and neither "
            "--features, --json nor --timeline"
        )
    from mgr_jax.predictor import load
    from mgr_jax.runs.feature_files import side_rows
    from mgr_jax.runs.submission import submission_rows, write_submission

    out = Path(flags.out).expanduser()
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = submission_rows(_list_files(args))
    predictor = load(flags.model, checkpoint=flags.checkpoint)
    sides = side_rows(flags.table, predictor, list(map(str, rows.values())))
    failures = write_submission(predictor, rows, sides, out, missing_classes=flags.missing_classes)
    print(f"Wrote {out}: {len(rows)} tracks, {len(failures)} of them could not be read.")


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
