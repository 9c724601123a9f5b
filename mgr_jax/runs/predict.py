"""Many files through one model."""

import os
import warnings
from collections.abc import Iterable, Iterator

from mgr_jax.audio.io import AudioWarning, Limits, LimitsLike
from mgr_jax.audio.listing import find_audio_files
from mgr_jax.decisions import Rules, Timeline
from mgr_jax.errors import UserError
from mgr_jax.files import expand
from mgr_jax.prediction.prediction import Prediction
from mgr_jax.prediction.predictor import load
from mgr_jax.prediction.stream import FilePrediction
from mgr_jax.runs.feature_files import read_for_model, side_rows


class FilePredictions:
    """Predictions of files or tracks, each computed when it is asked for; they are not kept.

    Iterating gives (name, Prediction) as soon as a file is done, once; `dict(predictions)` keeps
    them all.

    Attributes:
      failures: a sentence on each file so far that could not be read.
      notes: what was warned of files so far that are used, but not as they are, by name.
    """

    def __init__(self, outcomes: Iterable[FilePrediction]) -> None:
        """Takes what comes of each file; `predict_files` does."""
        self._outcomes = iter(outcomes)
        self.failures: list[str] = []
        self.notes: dict[str, tuple[str, ...]] = {}

    def __iter__(self) -> Iterator[tuple[str, Prediction]]:
        """Yields names with their predictions; files that cannot be read join the failures."""
        for file in self._outcomes:
            for note in file.notes:
                warnings.warn(note, AudioWarning, stacklevel=2)
            if file.notes:
                self.notes[file.name] = file.notes
            if file.error:
                self.failures.append(str(file.error))
            if file.prediction:
                yield file.name, file.prediction


def predict_files(
    model: str | os.PathLike[str],
    files: Iterable[str | os.PathLike[str]] = (),
    *,
    features: str | os.PathLike[str] | None = None,
    table: str | os.PathLike[str] | None = None,
    checkpoint: str | int = "best",
    timeline: bool | Timeline = False,
    rules: Rules = Rules(),  # noqa: B008 - frozen
    limits: LimitsLike = None,
    workers: int | None = None,
) -> FilePredictions:
    """Classifies audio files and folders of them, or the tracks of a file of features.

        predictions = mgr_jax.predict_files("runs/a", ["song.mp3", "folder"])
        for name, prediction in predictions:
            print(name, prediction.label)
        print(predictions.failures)

    Args:
      model: the folder of a trained model.
      files: audio files, and folders in which all audio files are taken.
      features: instead of files, a file of features such as the model was trained on.
      table: for a fusion with one, a table with a row for every file or track.
      checkpoint: "best" by validation score, "latest", or a step.
      timeline: tell segments and sections that cover each file; see `Predictor.predict`.
      rules: what is to be told; see `Rules`.
      limits: which files are refused; see `audio.io.Limits`.
      workers: processes that decode, ahead of the network; see `predict_stream`.

    Raises:
      UserError: neither files nor features or both are given, a folder holds no audio, there is no
        such model, or the features or the table do not fit it. Audio files that cannot be read are
        no error: they are among the `failures`.
    """
    files, limits = list(files), Limits.of(limits)
    if bool(files) == bool(features):
        raise UserError(
            "give audio files or folders, or else a file of features (`features`)",
            code="argument.choose_one",
        )
    names = list(map(str, find_audio_files(files)))
    predictor = load(model, checkpoint=checkpoint)
    rules.require_known(predictor.classes)
    if features:
        tracks = read_for_model(expand(features), predictor.spec)
        sides = side_rows(str(table or ""), predictor, tracks.track_id)
        predictions = predictor.predict_tracks(
            tracks.features, sides=sides, timeline=timeline, rules=rules
        )
        return FilePredictions(map(FilePrediction, tracks.track_id, predictions))
    sides = side_rows(str(table or ""), predictor, names)
    predictor.side.encode_track(sides[0])  # a table that is missing is told before the work
    return FilePredictions(
        predictor.predict_files(
            names, sides=sides, timeline=timeline, rules=rules, limits=limits, workers=workers
        )
    )
