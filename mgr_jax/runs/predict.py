"""Many files through one model, one after the other."""

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mgr_jax.audio.io import AudioError, AudioWarning, Limits, LimitsLike
from mgr_jax.audio.listing import find_audio_files
from mgr_jax.audio.notes import with_notes
from mgr_jax.errors import UserError
from mgr_jax.files import expand, write_json
from mgr_jax.prediction.prediction import Prediction
from mgr_jax.prediction.predictor import Predictor, load
from mgr_jax.runs.feature_files import read_for_model, side_rows


class FilePredictions:
    """Predictions of files or tracks, each computed when it is asked for.

    Iterating gives (name, Prediction) as soon as a file is done; a second time, what there is
    already is not computed again.

    Attributes:
      found: what was predicted so far, by name.
      failures: a sentence on each file so far that could not be read.
      notes: what was warned of files so far that are used, but not as they are, by name.
    """

    def __init__(self, outcomes: Iterable[tuple[str, Prediction | AudioError]]) -> None:
        """Takes names, each with its prediction or with why there is none; `predict_files` does."""
        self._outcomes = iter(outcomes)
        self.found: dict[str, Prediction] = {}
        self.failures: list[str] = []
        self.notes: dict[str, list[str]] = {}

    def __iter__(self) -> Iterator[tuple[str, Prediction]]:
        """Yields names with their predictions; files that cannot be read join the failures."""
        yield from list(self.found.items())
        for (name, outcome), notes in with_notes(self._outcomes):
            for note in notes:
                warnings.warn(note, AudioWarning, stacklevel=2)
            if isinstance(outcome, AudioError):
                self.failures.append(str(outcome))
            else:
                self.found[name] = outcome
                self.notes.update({name: notes} if notes else {})
                yield name, outcome

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes `Prediction.as_dict()` by name as JSON, of all files, whole or not at all.

        Raises:
          OSError: the file cannot be written.
        """
        results = {name: prediction.as_dict() for name, prediction in self}
        write_json(expand(path), results)


def predict_files(
    model: str | os.PathLike[str],
    files: Iterable[str | os.PathLike[str]] = (),
    *,
    features: str | os.PathLike[str] | None = None,
    table: str | os.PathLike[str] | None = None,
    checkpoint: str | int = "best",
    timeline: bool = False,
    limits: LimitsLike = None,
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
      timeline: tell segments that cover each file; see `Predictor.predict`.
      limits: which files are refused; see `audio.io.Limits`.

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
    if features:
        tracks = read_for_model(expand(features), predictor.spec)
        sides = side_rows(str(table or ""), predictor, tracks.track_id)
        predictions = predictor.predict_tracks(tracks.features, sides=sides, timeline=timeline)
        return FilePredictions(zip(tracks.track_id, predictions, strict=True))
    sides = side_rows(str(table or ""), predictor, names)
    predictor.side.encode_track(sides[0])  # a table that is missing is told before the work
    return FilePredictions(_predict_each(predictor, names, sides, timeline, limits))


def _predict_each(
    predictor: Predictor,
    names: Sequence[str],
    sides: Sequence[Mapping[str, Any]],
    timeline: bool,
    limits: Limits | None,
) -> Iterator[tuple[str, Prediction | AudioError]]:
    for name, side in zip(names, sides, strict=True):
        try:
            prediction = predictor.predict(name, side=side, timeline=timeline, limits=limits)
        except AudioError as error:
            yield name, error
        else:
            yield name, prediction
