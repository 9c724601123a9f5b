"""The prediction of a classifier for one track."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mgr_jax.decisions import Answer
from mgr_jax.errors import printable

_WHY = {"background": ", does not sound like music", "other": ", is none of the genres"}


@dataclass(frozen=True)
class Section:
    """A part of a track with one prediction.

    Attributes:
      start: in seconds.
      end: in seconds.
      answer: its decided prediction.
    """

    start: float
    end: float
    answer: Answer


@dataclass(frozen=True)
class Moments:
    """The probabilities of the classes over time, if a timeline was asked for.

    Attributes:
      edges: in seconds, from the beginning to the end of the track, [moments + 1].
      probabilities: calibrated, averaged over the windows that cover a moment, and smoothed,
        [moments, classes].
    """

    edges: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Prediction:
    """The prediction of a classifier for one track.

        prediction = mgr_jax.load("runs/a").predict("song.mp3")
        prediction.label   # "metal", or "undecided"
        prediction.top(3)  # [("metal", 0.79), ("pop", 0.17), ("rock", 0.03)]

    Attributes:
      classes: names of the columns of `probabilities`.
      start: start of each segment in seconds, [segments].
      end: end of each segment in seconds, [segments].
      probabilities: [segments, classes], uncalibrated, as `evaluate` scores them; a row of a
        single_label model sums to 1.
      track_probabilities: of the whole track, [classes], uncalibrated: the mean over the clips that
        evaluation uses. These are the segments, unless a timeline was asked for.
      answer: the decided prediction of the whole track: calibrated, and above thresholds.
      sections: of a timeline: parts with one prediction each, in order, from the first to the last
        sample; empty without a timeline.
      moments: of a timeline: the probabilities over time that the sections come from; None without
        a timeline.
      embedding: of the whole track, [dim]: the mean over the clips that evaluation uses.
      segment_embeddings: of each segment, [segments, dim].
    """

    classes: tuple[str, ...]
    start: np.ndarray
    end: np.ndarray
    probabilities: np.ndarray
    track_probabilities: np.ndarray
    answer: Answer
    sections: tuple[Section, ...] = ()
    moments: Moments | None = None
    embedding: np.ndarray | None = None
    segment_embeddings: np.ndarray | None = None

    @property
    def label(self) -> str:
        """The most probable decided class of the whole track, or "undecided"."""
        return self.answer.label

    def top(self, count: int = 3) -> list[tuple[str, float]]:
        """The most probable classes of the whole track, decided or not.

        Args:
          count: number of classes.
        """
        return self.answer.top(count)

    def segments(self) -> list[tuple[float, float, str, float]]:
        """The segments as tuples: windows of equal length, from which `sections` are made.

        With a timeline they cover the whole track; without, they may be a few clips of it.

        Returns:
          For each segment: start and end in seconds, its most probable class, and that class's
          probability.
        """
        best = self.probabilities.argmax(axis=1)
        return [
            (float(start), float(end), self.classes[i], float(row[i]))
            for start, end, row, i in zip(
                self.start, self.end, self.probabilities, best, strict=True
            )
        ]

    def describe(self, top: int = 3) -> str:
        """The prediction in words: `metal 79 % (pop 17 %)`, and `0:42–1:10  jazz 71 %` per section.

        Args:
          top: number of classes to name at least; decided classes are always named.
        """
        lines = [say(self.answer, top)]
        for section in self.sections:
            span = f"{clock(section.start)}–{clock(section.end)}"
            lines.append(f"  {span}  {say(section.answer, top)}")
        return "\n".join(lines)


def say(answer: Answer, top: int) -> str:
    """An answer in words: decided classes, implied classes, and in brackets other likely ones.

    Such as `jazz 71 % (blues 18 %)`, `punk 64 %, so rock (pop 9 %)` or `undecided (jazz 41 %)`.
    """
    shares = dict(answer.top(len(answer.classes)))

    def name(names: Iterable[str]) -> str:
        return ", ".join(f"{printable(name)} {100 * shares[name]:.0f} %" for name in names)

    others = [other for other in shares if other not in (*answer.told, *answer.implied)]
    beside = others[: max(top - len(answer.told), 0)]
    why = _WHY.get(answer.reason, "")
    text = name(answer.told) or f"{answer.label}{why}"
    if answer.implied:
        text += f", so {', '.join(map(printable, answer.implied))}"
    return f"{text} ({name(beside)})" if beside else text


def clock(seconds: float) -> str:
    """A time for people, to a tenth of a second: 0:42, 1:10.5 or 2:00:07."""
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 10:04.1f}".removesuffix(".0")
    return f"{hours}:{minutes:02d}:{text}" if hours else f"{minutes}:{text}"
