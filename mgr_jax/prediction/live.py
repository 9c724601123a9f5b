"""Live prediction: blocks of samples go in, and a prediction comes out every hop."""

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
_MAX_PEAK = 1.25  # beyond it, `audio.gate` scales by the peak of a file


@dataclass(frozen=True)
class LivePrediction:
    """The prediction of one window.

    Attributes:
      start: start of the window, in seconds from the first sample.
      end: its end, likewise.
      probabilities: [classes], as the network gives them; see `Prediction`.
      answer: the decided prediction: calibrated, and above thresholds.
      embedding: [dim].
      is_silent: the window is silent, so the other fields mean nothing.
    """

    start: float
    end: float
    probabilities: np.ndarray
    answer: Answer
    embedding: np.ndarray
    is_silent: bool

    @property
    def label(self) -> str:
        """The predicted class, "undecided" or "silent"."""
        return SILENT if self.is_silent else self.answer.label

    def describe(self, top: int = 3) -> str:
        """The prediction in words, at the end of its window: `0:03  jazz 71 % (blues 18 %)`.

        Args:
          top: see `Prediction.describe`.
        """
        return f"{clock(self.end)}  {SILENT if self.is_silent else say(self.answer, top)}"


class LiveStream:
    """Classifies sound while it arrives; see `Predictor.stream`.

    Windows start at multiples of the hop. Each is predicted as `Predictor.predict` predicts the
    same clip of the complete sound, with two exceptions, since a stream does not know its future:
    channels that cancel each other are averaged all the same, and levels far beyond full scale are
    clipped. Memory is that of one window, however long the stream is.
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
        """Begins a stream; see `Predictor.stream`.

        Args:
          predictor: the model.
          sample_rate: sample rate of the blocks in Hz.
          hop: seconds between windows.
          rules: how predictions are decided.
          limits: which sample rates are refused.

        Raises:
          UserError: an argument is out of range, or the model cannot be used on a stream.
        """
        _require_live(predictor)
        decisions, task = predictor.description.decisions, predictor.spec.task
        self._decider = Decider(predictor.classes, task, decisions, rules)
        self._predictor, self._limits = predictor, Limits.of(limits)
        self._rate, self._spec = predictor.audio_rate(), predictor.spec
        if not 0 < hop < float("inf"):
            raise UserError(
                f"`hop` is {hop:g}; give the seconds between windows, above 0",
                code="argument.out_of_range",
            )
        self._hop = max(hop * self._rate, self._spec.crop.step)  # samples, maybe not an integer
        self._engine = predictor.engine.with_batch_size(1)
        self._tail = _Tail()
        self._window = 0  # number of the next window
        self._end = 0  # end of the last window
        self._is_closed = self._is_clipped = False
        self._from_rate: float | None = None
        self._resampler: soxr.ResampleStream | None = None
        self.set_rate(sample_rate)

    def set_rate(self, sample_rate: float) -> None:
        """Sets the sample rate in Hz of the next blocks, for files whose rate changes.

        Raises:
          AudioError: the rate is outside the limits.
        """
        if sample_rate == self._from_rate:
            return
        self._limits.require_rate("the sound", sample_rate)
        self._finish_resampling()
        self._from_rate = sample_rate
        if sample_rate != self._rate:
            # As `audio.gate` does for files.
            self._resampler = soxr.ResampleStream(
                sample_rate, self._rate, 1, dtype="float32", quality="HQ"
            )

    def push(self, block: np.ndarray) -> list[LivePrediction]:
        """Adds the next samples.

        Args:
          block: [samples] or [samples, channels], floats in [-1, 1] or int16; any number of
            samples.

        Returns:
          The predictions of the windows that are now complete; often none, or several.

        Raises:
          UserError: the stream is closed, or the block has another shape or type, or is not finite.
        """
        if self._is_closed:
            raise UserError(
                "the stream is closed and takes no more samples; start a new one (`stream`)",
                code="live.closed",
            )
        mono, found = self._mono(block), []
        assert self._from_rate is not None  # raised by `set_rate`
        step = max(1, round(self._from_rate))  # one second at a time, so that memory is bounded
        for start in range(0, len(mono), step):
            part = mono[start : start + step]
            self._take(self._resampler.resample_chunk(part) if self._resampler else part)
            found += self._predict(self._whole_windows())
        return found

    def close(self) -> list[LivePrediction]:
        """Ends the sound.

        Returns:
          The predictions of the windows that waited for samples after them, and of a last window
          that ends with the sound, unless there is one already. A sound shorter than a window is
          padded, with a warning. Empty if there was no sound, or the stream was closed before.

        Raises:
          AudioError: the sound is shorter than one analysis frame.
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
            # It warns of padding, or raises if there is less than a frame.
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
        with np.errstate(over="ignore", invalid="ignore"):  # reported below
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
                f"the sound has levels up to {peak:.4g} times full scale, which are clipped; "
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
        """Keeps the samples that may still be needed, for the next window or the last one."""
        spec = self._spec
        last = self._tail.length - spec.clip_samples - spec.crop.step
        self._tail.forget(min(self._start(self._window), last) - spec.crop.context)
        self._tail.append(to_int16(mono))

    def _start(self, window: int) -> int:
        start = int(window * self._hop)
        return start - start % self._spec.crop.step

    def _whole_windows(self) -> Iterator[int]:
        """First samples of the next complete windows, with their context."""
        spec = self._spec
        needed = spec.clip_samples + (0 if self._is_closed else spec.crop.context)
        while (start := self._start(self._window)) + needed <= self._tail.length:
            self._window += 1
            yield start

    def _predict(self, starts: Iterator[int]) -> list[LivePrediction]:
        # Beyond the tail lies the end of the sound, or nothing is needed.
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
      length: number of samples of the sound so far.
    """

    def __init__(self) -> None:
        self.first = self.length = 0
        self._kept: np.ndarray = np.empty(1 << 16, np.int16)
        self._at = 0  # position of the first sample in `_kept`

    @property
    def samples(self) -> np.ndarray:
        """The kept samples; valid until more are added."""
        return self._kept[self._at : self._at + self.length - self.first]

    def append(self, samples: np.ndarray) -> None:
        """Adds samples at the end."""
        kept = self.length - self.first
        if self._at + kept + len(samples) > len(self._kept):
            # Twice the needed room, so that the samples are moved only from time to time.
            room = max(len(self._kept), 2 * (kept + len(samples)))
            moved = np.empty(room, np.int16)
            moved[:kept] = self.samples
            self._kept, self._at = moved, 0
        end = self._at + kept
        self._kept[end : end + len(samples)] = samples
        self.length += len(samples)

    def forget(self, first: int) -> None:
        """Drops the samples before a position."""
        first = min(max(first, self.first), self.length)
        self._at += first - self.first
        self.first = first


def _require_live(predictor: "Predictor") -> None:
    """Checks that no window needs information on the whole track."""
    spec, why = predictor.spec, ""
    if spec.kind != "waveform":
        why = "reads stored features"
    elif spec.aux:
        why = f"needs the {', '.join(spec.aux)} of the whole track (normalise_over='track')"
    elif spec.side:
        why = "takes more than sound (config.side_inputs)"
    if why:
        raise UserError(
            f"this model {why}, so it cannot predict a stream; give it whole "
            "files (predict), or choose another model",
            code="live.needs_whole_track",
        )
