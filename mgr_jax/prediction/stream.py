"""Runs many files through one model: decoded in processes ahead, classified in shared batches."""

import atexit
import contextlib
import dataclasses
import functools
import math
import operator
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mgr_jax.audio.io import AudioError, Limits, LimitsLike, read_audio
from mgr_jax.audio.notes import with_notes
from mgr_jax.audio.spool import Spooled, read_into, spool_folder
from mgr_jax.decisions import Rules, TimelineLike
from mgr_jax.errors import UserError
from mgr_jax.files import scratch
from mgr_jax.prediction.engine import TrackClips
from mgr_jax.prediction.prediction import Prediction
from mgr_jax.workers import Failure, available_cores, map_in_processes

if TYPE_CHECKING:
    from mgr_jax.prediction.predictor import Predictor

# Sounds per process that may wait for the network, up to 16 MiB each; longer ones lie in files.
_AHEAD = 4
# Results that may wait for an earlier one. They are small.
_OVERTAKE = 256


@dataclass(frozen=True)
class FilePrediction:
    """The outcome for a file.

    Attributes:
      name: its path.
      prediction: None if there is none.
      error: why there is none.
      notes: warnings about a file that was used.
      seconds: length of its sound.
      overview: what `look` returned for it, for pictures.
      size: size of the file in bytes, before it was read; None: unknown.
      modified: time of its last change in nanoseconds since 1970, before it was read.
    """

    name: str
    prediction: Prediction | None = None
    error: AudioError | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    overview: Any = None
    size: int | None = None
    modified: int | None = None


Look = Callable[[np.ndarray, float], Any]


def predict_stream(
    predictor: "Predictor",
    files: Iterable[str | Path],
    *,
    sides: Sequence[Mapping[str, Any]] | None = None,
    timeline: TimelineLike = False,
    rules: Rules = Rules(),  # noqa: B008 - frozen
    limits: LimitsLike = None,
    workers: int | None = None,
    in_order: bool = True,
    look: Look | None = None,
) -> Generator[FilePrediction]:
    """Classifies files; results are yielded as they are finished.

    Memory is bounded, whatever the number and the length of the files: the samples of long files
    are kept in a folder of temporary files ($TMPDIR, or else /var/tmp) until they are classified.

    Args:
      predictor: a predictor of audio.
      files: paths of files.
      sides: further inputs of each file, see `Predictor.predict`.
      timeline: see `Predictor.predict`.
      rules: see `Predictor.predict`.
      limits: which files are refused; see `audio.io.Limits`.
      workers: processes that decode ahead of the network. A file that crashes its decoder or never
        ends then only gives an error. None: one per core, none for a single file; 0: decode in this
        process.
      in_order: yield results in the order of the files. Files decoded meanwhile are classified, so
        that a long file delays few others. False: yield each result as soon as it is there.
      look: a function of the samples [samples] int16 and the rate in Hz of each file, such as
        `audio.overview.make_overview`.

    Returns:
      An iterator over the outcomes; each is computed when it is asked for.

    Raises:
      UserError: the model does not read audio, a rule names an unknown class, no process can be
        started, or PyAV is missing.
    """
    names = list(map(str, files))
    rules.fit(predictor.classes)
    predictor.timeline_of(timeline)  # checked before the work
    if workers is None:
        workers = min(available_cores(), len(names)) if len(names) > 1 else 0
    read = functools.partial(
        read_audio,
        sample_rate=predictor.audio_rate(),
        allow_truncated=True,
        limits=Limits.of(limits),
        dtype=np.int16,
    )
    sides = sides or [{}] * len(names)

    def results() -> Generator[FilePrediction]:
        with _place_for_long_ones() as folder:
            decoded = map_in_processes(
                functools.partial(read_into, str(folder), read),
                enumerate(names),
                workers=workers,
                ahead=_AHEAD,
                overtake=_OVERTAKE if in_order else math.inf,
                name=operator.itemgetter(1),
            )
            with contextlib.closing(decoded):
                waveforms = _waveforms(decoded, folder)
                found = _classified(predictor, waveforms, sides, timeline, rules, look)
                yield from _sorted(found) if in_order else (file for _, file in found)

    stream = results()
    _close_at_exit(stream)
    return stream


def _close_at_exit(stream: Generator) -> None:
    """Closes an open stream at exit, before the modules that it needs are gone."""
    reference = weakref.ref(stream)

    def close() -> None:
        if (left := reference()) is not None:
            left.close()

    atexit.register(close)
    weakref.finalize(stream, atexit.unregister, close).atexit = False


@contextlib.contextmanager
def _place_for_long_ones() -> Iterator[Path]:
    """A folder for this run; if it cannot be made, long files cannot be stored."""
    stack, place = contextlib.ExitStack(), spool_folder()
    try:
        folder = stack.enter_context(scratch(place))
    except OSError:  # no matter to short files
        folder = place / "no place"
    with stack:
        yield folder


def _waveforms(
    decoded: Iterable[tuple[tuple[int, str], Any]], folder: Path
) -> Iterator[tuple[int, str, np.ndarray | Failure]]:
    """Number, name and samples of each file; temporary files of long ones are removed."""
    for (number, name), found in decoded:
        if isinstance(found, Failure):
            with contextlib.suppress(OSError):
                (folder / str(number)).unlink()  # left by a killed worker
        yield number, name, found.take() if isinstance(found, Spooled) else found


def _classified(
    predictor: "Predictor",
    waveforms: Iterable[tuple[int, str, np.ndarray | Failure]],
    sides: Sequence[Mapping[str, Any]],
    timeline: TimelineLike,
    rules: Rules,
    look: Look | None,
) -> Iterator[tuple[int, FilePrediction]]:
    """The outcome for each file, with its number, in the order of the waveforms."""
    clips = _clips(predictor, waveforms, sides, timeline, look)
    for (question, number, file), outputs in predictor.engine(clips):
        if question is not None:
            found = predictor.answer(question, outputs, rules)
            file = dataclasses.replace(file, prediction=found)
        yield number, file


def _sorted(found: Iterable[tuple[int, FilePrediction]]) -> Iterator[FilePrediction]:
    """The outcomes by number, without gaps."""
    waiting: dict[int, FilePrediction] = {}
    turn = 0
    for number, file in found:
        waiting[number] = file
        while turn in waiting:
            yield waiting.pop(turn)
            turn += 1


def _clips(
    predictor: "Predictor",
    waveforms: Iterable[tuple[int, str, np.ndarray | Failure]],
    sides: Sequence[Mapping[str, Any]],
    timeline: TimelineLike,
    look: Look | None,
) -> Iterator[TrackClips]:
    """The clips of decoded files; their keys are (question, number, outcome so far)."""

    def ask() -> Iterator[tuple[int, FilePrediction, TrackClips | None]]:
        rate = predictor.audio_rate()
        for number, name, found in waveforms:
            if isinstance(found, Failure):
                failure = found
                if failure.code == "package.missing":  # not the file's fault
                    raise UserError(failure.reason, code=failure.code)
                error = AudioError(failure.reason, code=failure.code)
                yield number, FilePrediction(name, error=error), None
                continue
            file = FilePrediction(name, seconds=len(found) / rate)
            try:
                clips = predictor.ask(found, name=name, side=sides[number], timeline=timeline)
            except AudioError as error:
                yield number, dataclasses.replace(file, error=error), None
                continue
            if look:
                file = dataclasses.replace(file, overview=look(found, rate))
            yield number, file, clips

    for (number, file, clips), notes in with_notes(ask()):
        file = dataclasses.replace(file, notes=tuple(notes))
        if clips is None:
            yield TrackClips((None, number, file))
        else:
            yield dataclasses.replace(clips, key=(clips.key, number, file))
