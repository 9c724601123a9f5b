"""Many files through one model: decoded in processes ahead, classified in batches they share."""

import contextlib
import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mgr_jax.audio.io import AudioError, Limits, LimitsLike, read_audio
from mgr_jax.audio.notes import with_notes
from mgr_jax.decisions import Rules, Timeline
from mgr_jax.errors import UserError
from mgr_jax.prediction.engine import TrackClips
from mgr_jax.prediction.prediction import Prediction
from mgr_jax.workers import Failure, map_in_processes

if TYPE_CHECKING:
    from mgr_jax.prediction.predictor import Predictor

_AHEAD = 2  # files per process that are decoded before their turn: an hour is 160 MB


@dataclass(frozen=True)
class FilePrediction:
    """What came of a file.

    Attributes:
      name: its path.
      prediction: None where there is none.
      error: why there is none.
      notes: what was warned of a file that is used, but not as it is.
      seconds: of sound.
      size: of the file in bytes, before it was read; None: that is not known.
      modified: when it was changed, in nanoseconds since 1970, before it was read.
    """

    name: str
    prediction: Prediction | None = None
    error: AudioError | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    size: int | None = None
    modified: int | None = None


def predict_stream(
    predictor: "Predictor",
    files: Iterable[str | Path],
    *,
    sides: Sequence[Mapping[str, Any]] | None = None,
    timeline: bool | Timeline = False,
    rules: Rules = Rules(),  # noqa: B008 - frozen
    limits: LimitsLike = None,
    workers: int | None = None,
) -> Iterator[FilePrediction]:
    """Classifies files, whose results come as they are done.

    Args:
      predictor: of audio.
      files: paths of files.
      sides: what is known of each beside, see `Predictor.predict`.
      timeline: see `Predictor.predict`.
      rules: see `Predictor.predict`.
      limits: which files are refused; see `audio.io.Limits`.
      workers: processes that decode, ahead of the network. In them a file that crashes its decoder
        or takes for ever gives an error alone. None: as many as there are cores, none for a single
        file; 0: decode in this process.

    Yields:
      What came of each file, in their order.

    Raises:
      UserError: the model does not read audio, a rule names a class that it does not know, no
        process can be started, or PyAV is missing.
    """
    names = list(map(str, files))
    rules.require_known(predictor.classes)
    if workers is None:
        workers = min(os.cpu_count() or 1, len(names)) if len(names) > 1 else 0
    read = functools.partial(
        read_audio,
        sample_rate=predictor.audio_rate(),
        allow_truncated=True,
        limits=Limits.of(limits),
        dtype=np.int16,
    )
    with contextlib.closing(
        map_in_processes(read, names, workers=workers, ahead=_AHEAD)
    ) as decoded:
        clips = _clips(predictor, decoded, sides or [{}] * len(names), timeline)
        for (question, file), outputs in predictor.engine(clips):
            if question is None:
                yield file
            else:
                found = predictor.answer(question, outputs, rules)
                yield FilePrediction(file.name, found, None, file.notes, file.seconds)


def _clips(
    predictor: "Predictor",
    decoded: Iterable[tuple[str, np.ndarray | Failure]],
    sides: Sequence[Mapping[str, Any]],
    timeline: bool | Timeline,
) -> Iterator[TrackClips]:
    """The clips of files that were read; keys are (question, what is known of the file)."""

    def ask() -> Iterator[tuple[str, TrackClips | AudioError, float]]:
        for (name, found), side in zip(decoded, sides, strict=True):
            if isinstance(found, Failure):
                if found.code == "package.missing":  # which is no fault of the file
                    raise UserError(found.reason, code=found.code)
                yield name, AudioError(found.reason, code=found.code), 0.0
                continue
            seconds = len(found) / predictor.audio_rate()
            try:
                yield name, predictor.ask(found, name=name, side=side, timeline=timeline), seconds
            except AudioError as error:
                yield name, error, seconds

    for (name, asked, seconds), notes in with_notes(ask()):
        if isinstance(asked, AudioError):
            failed = FilePrediction(name, None, asked, tuple(notes), seconds)
            yield TrackClips((None, failed))
        else:
            file = FilePrediction(name, None, None, tuple(notes), seconds)
            yield TrackClips((asked.key, file), asked.track, asked.starts, asked.aux)
