"""Live: blocks of samples as a recorder gives them, and a prediction every hop."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soxr

from mgr_jax.audio.gate import AudioWarning, Limits, LimitsLike, is_silent, to_int16
from mgr_jax.decisions import Answer, Decider, Rules
from mgr_jax.errors import UserError
from mgr_jax.prediction.engine import Outputs, TrackClips
from mgr_jax.prediction.prediction import clock, say
from mgr_jax.prediction.question import statistics_of

if TYPE_CHECKING:
    from mgr_jax.prediction.predictor import Predictor

SILENT = "silent"
_MAX_PEAK = 1.25  # beyond it, `audio.gate` scales files by what only the whole of one tells


@dataclass(frozen=True)
class LivePrediction:
    """What a classifier says of one window.

    Attributes:
      start: in seconds from the first sample.
      end: likewise.
      probabilities: [classes], as the network says them; see `Prediction`.
      answer: what is told of the window: calibrated, and above thresholds.
      embedding: [dim].
      is_silent: there is nothing to hear in it, so that nothing else of this says anything.
    """

    start: float
    end: float
    probabilities: np.ndarray
    answer: Answer
    embedding: np.ndarray
    is_silent: bool

    @property
    def label(self) -> str:
        """The class that is told, "undecided" or "silent"."""
        return SILENT if self.is_silent else self.answer.label

    def describe(self, top: int = 3) -> str:
        """Says it in words, as of where the window ends: `0:03  jazz 71 % (blues 18 %)`.

        Args:
          top: see `Prediction.describe`.
        """
        return f"{clock(self.end)}  {SILENT if self.is_silent else say(self.answer, top)}"


class LiveStream:
    """Classifies sound while it arrives; see `Predictor.stream`.

    Windows start at multiples of the hop, and each says what `Predictor.predict` says of the same
    clip of the whole sound, but for what only the whole of it tells: channels that cancel each
    other are averaged all the same, and levels far beyond full scale are clipped. Memory is that of
    a window, however long it goes on.
    """

    def __init__(
        self,
        predictor: "Predictor",
        sample_rate: float,
        *,
        hop: float = 1.0,
        rules: Rules = Rules(),  # noqa: B008 - frozen
        limits: LimitsLike = None,
    ) -> None:
        """Begins to listen; `Predictor.stream` tells the arguments."""
        _require_live(predictor)
        decisions, task = predictor.description.decisions, predictor.spec.task
        self._decider = Decider(predictor.classes, task, decisions, rules)
        self._predictor, self._limits = predictor, Limits.of(limits)
        self._rate, self._spec = predictor.audio_rate(), predictor.spec
        if not 0 < hop < float("inf"):
            raise UserError(
                f"`hop` is {hop:g}; give the seconds from one window to the next",
                code="argument.out_of_range",
            )
        self._hop = max(hop * self._rate, self._spec.crop.step)  # samples, perhaps not whole
        self._engine = predictor.engine.with_batch_size(1)
        self._tail = _Tail()
        self._window = 0  # number of the next one
        self._end = 0  # of the last window
        self._is_closed = self._is_clipped = False
        self._from_rate: float | None = None
        self._resampler: soxr.ResampleStream | None = None
        self.set_rate(sample_rate)

    def set_rate(self, sample_rate: float) -> None:
        """Says at which rate in Hz the next blocks come, as in a file whose rate changes.

        Raises:
          AudioError: it is outside of the limits.
        """
        if sample_rate == self._from_rate:
            return
        self._limits.require_rate("the sound", sample_rate)
        self._finish_resampling()
        self._from_rate = sample_rate
        if sample_rate != self._rate:
            # The same as `audio.gate` has it for files.
            self._resampler = soxr.ResampleStream(
                sample_rate, self._rate, 1, dtype="float32", quality="HQ"
            )

    def push(self, block: np.ndarray) -> list[LivePrediction]:
        """Takes the next samples.

        Args:
          block: [samples] or [samples, channels] floats in [-1, 1] or int16; as many as there are.

        Returns:
          The predictions of the windows that are whole by now; often none, or many.

        Raises:
          UserError: the stream is closed, or this is no such array, or not finite.
        """
        if self._is_closed:
            raise UserError(
                "the stream is closed and takes no more samples; begin a new one (`stream`)",
                code="live.closed",
            )
        mono, found = self._mono(block), []
        assert self._from_rate is not None  # of `set_rate`
        step = max(1, round(self._from_rate))  # a second at a time: memory is bounded
        for start in range(0, len(mono), step):
            part = mono[start : start + step]
            self._take(self._resampler.resample_chunk(part) if self._resampler else part)
            found += self._predict(self._whole_windows())
        return found

    def close(self) -> list[LivePrediction]:
        """Ends the sound.

        Returns:
          The predictions of the windows that waited for what follows them, and of a last one that
          ends with the sound, unless there is one; of less than a window, that of all there is,
          filled up with a warning. Nothing where there is no sound, or the stream was closed.

        Raises:
          AudioError: there is less than one analysis frame.
        """
        if self._is_closed:
            return []
        self._finish_resampling()
        self._is_closed = True
        found = self._predict(self._whole_windows())
        length, clip = self._tail.length, self._spec.clip_samples
        last = max(0, length - clip)
        last -= last % self._spec.crop.step
        if 0 < length < clip:
            # It says how the window is filled, or that there is less than a frame.
            self._predictor.ask(self._tail.samples, name="the sound")
        if self._end < min(length, last + clip):
            found += self._predict(iter([last]))
        return found

    def _mono(self, block: np.ndarray) -> np.ndarray:
        samples = np.asarray(block)
        is_int16 = samples.dtype == np.int16
        if samples.ndim not in (1, 2) or not (
            is_int16 or np.issubdtype(samples.dtype, np.floating)
        ):
            raise UserError(
                f"the block has shape {samples.shape} and type {samples.dtype}; expected int16 or "
                "floats in [-1, 1], [samples] or [samples, channels]",
                code="audio.not_a_waveform",
            )
        if samples.ndim == 2 and not samples.shape[1]:
            raise UserError("the block has no channels; give one or more", code="audio.no_samples")
        with np.errstate(over="ignore", invalid="ignore"):  # told below
            samples = samples.astype(np.float32)
            if is_int16:
                samples /= 32768.0
            if samples.ndim == 2:
                samples = samples.T.sum(axis=0) / samples.shape[1]
        peak = np.abs(samples).max(initial=0.0)
        if not np.isfinite(peak):
            raise UserError(
                "the sound holds samples that are not finite numbers; check its format",
                code="audio.not_finite",
            )
        if peak > _MAX_PEAK and not self._is_clipped:
            self._is_clipped = True
            warnings.warn(
                f"the sound has levels of up to {peak:.4g} times full scale, which are clipped; "
                "lower its gain, or scale it to [-1, 1]",
                AudioWarning,
                stacklevel=4,
            )
        return samples

    def _finish_resampling(self) -> None:
        if self._resampler:
            self._take(self._resampler.resample_chunk(np.empty(0, np.float32), last=True))
        self._resampler = None

    def _take(self, mono: np.ndarray) -> None:
        """Keeps what may still be needed: of the next window, and of one that ended here."""
        spec = self._spec
        last = self._tail.length - spec.clip_samples - spec.crop.step
        self._tail.forget(min(self._start(self._window), last) - spec.crop.context)
        self._tail.append(to_int16(mono))

    def _start(self, window: int) -> int:
        start = int(window * self._hop)
        return start - start % self._spec.crop.step

    def _whole_windows(self) -> Iterator[int]:
        """First samples of the next windows that are there, before the end with their context."""
        spec = self._spec
        needed = spec.clip_samples + (0 if self._is_closed else spec.crop.context)
        while (start := self._start(self._window)) + needed <= self._tail.length:
            self._window += 1
            yield start

    def _predict(self, starts: Iterator[int]) -> list[LivePrediction]:
        # What lies beyond the ends of the tail is beyond those of the sound, or not asked for.
        first, samples = self._tail.first, self._tail.samples
        asked = (TrackClips(start, samples, np.array([start - first])) for start in starts)
        return [self._tell(start, outputs) for start, outputs in self._engine(asked)]

    def _tell(self, start: int, outputs: Outputs) -> LivePrediction:
        self._end = min(start + self._spec.clip_samples, self._tail.length)
        window = self._tail.samples[start - self._tail.first : self._end - self._tail.first]
        probabilities = outputs["probabilities"][0]
        statistics = statistics_of(window, np.zeros(1, np.int64), self._predictor.description)
        return LivePrediction(
            start / self._rate,
            self._end / self._rate,
            probabilities,
            self._decider.answer(probabilities, statistics, level="clip"),
            outputs["embedding"][0],
            is_silent(window, self._rate),
        )


class _Tail:
    """The last samples of a sound.

    Attributes:
      first: number of the first sample that is kept.
      length: of the sound so far.
    """

    def __init__(self) -> None:
        self.first = self.length = 0
        self._kept: np.ndarray = np.empty(1 << 16, np.int16)
        self._at = 0  # of the first sample in `_kept`

    @property
    def samples(self) -> np.ndarray:
        """Those that are kept, until more are added."""
        return self._kept[self._at : self._at + self.length - self.first]

    def append(self, samples: np.ndarray) -> None:
        """Adds some at the end."""
        kept = self.length - self.first
        if self._at + kept + len(samples) > len(self._kept):
            # Twice the room that is needed: what is kept is moved once in a while, not each time.
            room = max(len(self._kept), 2 * (kept + len(samples)))
            moved = np.empty(room, np.int16)
            moved[:kept] = self.samples
            self._kept, self._at = moved, 0
        end = self._at + kept
        self._kept[end : end + len(samples)] = samples
        self.length += len(samples)

    def forget(self, first: int) -> None:
        """Drops the samples before one, as far as they are there."""
        first = min(max(first, self.first), self.length)
        self._at += first - self.first
        self.first = first


def _require_live(predictor: "Predictor") -> None:
    """Raises a UserError where a window needs what only the whole of a track tells."""
    spec, why = predictor.spec, ""
    if spec.kind != "waveform":
        why = "reads stored features"
    elif spec.aux:
        why = f"needs the {', '.join(spec.aux)} of the whole track (normalise_over='track')"
    elif spec.side:
        why = "takes more than sound (config.side_inputs)"
    if why:
        raise UserError(
            f"this model {why}, so that it cannot listen to sound that goes on; give it whole "
            "files (predict), or choose another model",
            code="live.needs_whole_track",
        )
