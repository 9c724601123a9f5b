"""Many files through one model, one after the other."""

import contextlib
import functools
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mgr_jax.audio.io import AudioError, AudioWarning, Limits, LimitsLike, read_audio
from mgr_jax.audio.listing import find_audio_files
from mgr_jax.audio.notes import with_notes
from mgr_jax.errors import UserError
from mgr_jax.files import expand, write_json
from mgr_jax.prediction.prediction import Prediction
from mgr_jax.prediction.predictor import Predictor, load
from mgr_jax.runs.feature_files import read_for_model, side_rows
from mgr_jax.workers import Failure, map_in_processes

_AHEAD = 2  # files per process that are decoded before their turn: an hour is 160 MB


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
                if notes:
                    self.notes[name] = notes
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
      timeline: tell segments that cover each file; see `Predictor.predict`.
      limits: which files are refused; see `audio.io.Limits`.
      workers: processes that decode, ahead of the network. In them a file that crashes its decoder
        or takes for ever is one of the `failures`. None: as many as there are cores, none for a
        single file; 0: decode in this process.

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
    return FilePredictions(
        predict_each(predictor, names, sides, timeline=timeline, limits=limits, workers=workers)
    )


def predict_each(
    predictor: Predictor,
    names: Sequence[str],
    sides: Sequence[Mapping[str, Any]],
    *,
    timeline: bool = False,
    limits: Limits | None = None,
    workers: int | None = None,
) -> Iterator[tuple[str, Prediction | AudioError]]:
    """Predicts files as they are asked for; see `predict_files`.

    Args:
      predictor: of audio.
      names: paths of files.
      sides: what is known of each beside, see `Predictor.predict`.
      timeline: see `Predictor.predict`.
      limits: which files are refused.
      workers: processes that decode.

    Yields:
      (name, prediction, or why there is none), in the order of the names.

    Raises:
      UserError: the model does not read audio, no process can be started, or PyAV is missing.
    """
    if workers is None:
        workers = min(os.cpu_count() or 1, len(names)) if len(names) > 1 else 0
    read = functools.partial(
        read_audio,
        sample_rate=predictor.audio_rate(),
        allow_truncated=True,
        limits=limits,
        dtype=np.int16,
    )
    with contextlib.closing(
        map_in_processes(read, names, workers=workers, ahead=_AHEAD)
    ) as decoded:
        for (name, found), side in zip(decoded, sides, strict=True):
            yield name, _outcome(predictor, name, found, side, timeline)


def _outcome(
    predictor: Predictor,
    name: str,
    found: np.ndarray | Failure,
    side: Mapping[str, Any],
    timeline: bool,
) -> Prediction | AudioError:
    if isinstance(found, Failure):
        failure = found
        if failure.code == "package.missing":  # which is no fault of the file
            raise UserError(failure.reason, code=failure.code)
        return AudioError(failure.reason, code=failure.code)
    try:
        return predictor.predict_samples(found, name=name, side=side, timeline=timeline)
    except AudioError as error:
        return error
