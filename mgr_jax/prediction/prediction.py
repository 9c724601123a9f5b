"""What a classifier says of one track."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mgr_jax.decisions import Answer
from mgr_jax.errors import printable

_WHY = {"background": ", does not sound like music", "other": ", is none of the genres"}


@dataclass(frozen=True)
class Section:
    """A part of a track that sounds alike.

    Attributes:
      start: in seconds.
      end: in seconds.
      answer: what is told of it.
    """

    start: float
    end: float
    answer: Answer


@dataclass(frozen=True)
class Moments:
    """How probable the classes are over time, where a timeline was asked for.

    Attributes:
      edges: in seconds, from the beginning to the end of the track, [moments + 1].
      probabilities: calibrated, averaged over the windows that cover a moment and smoothed,
        [moments, classes].
    """

    edges: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of one track.

        prediction = mgr_jax.load("runs/a").predict("song.mp3")
        prediction.label   # "metal", or "undecided"
        prediction.top(3)  # [("metal", 0.79), ("pop", 0.17), ("rock", 0.03)]

    Attributes:
      classes: names of the columns of `probabilities`.
      start: of each segment in seconds, [segments].
      end: of each segment in seconds, [segments].
      probabilities: [segments, classes], as the network says them and `evaluate` scores them; a row
        of a single_label model sums to 1.
      track_probabilities: of the whole track, [classes]: the mean over the clips that evaluation
        asks about. These are the segments, unless a timeline was asked for.
      answer: what is told of the whole track: calibrated, and above thresholds.
      sections: of a timeline: parts that sound alike, in order, from the first to the last sample;
        empty where none was asked for.
      moments: of a timeline: what the sections were made of; None where none was asked for.
      embedding: of the whole track, [dim]: the mean over the same clips.
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
        """The class that is told of the whole track, the most probable of them, or "undecided"."""
        return self.answer.label

    def top(self, count: int = 3) -> list[tuple[str, float]]:
        """Names the most probable classes of the whole track, told or not.

        Args:
          count: how many.

        Returns:
          (class, calibrated probability), the most probable first.
        """
        return self.answer.top(count)

    def segments(self) -> list[tuple[float, float, str, float]]:
        """Tells the segments apart: windows of one length, where `sections` are made of them.

        They cover the whole track where `Predictor.predict` was asked for a timeline; else they may
        be a few clips of it.

        Returns:
          Of each segment its start and end in seconds, its most probable class, and how probable
          that is.
        """
        best = self.probabilities.argmax(axis=1)
        return [
            (float(start), float(end), self.classes[i], float(row[i]))
            for start, end, row, i in zip(
                self.start, self.end, self.probabilities, best, strict=True
            )
        ]

    def describe(self, top: int = 3) -> str:
        """Says it in words: `metal 79 % (pop 17 %)`, and `0:42–1:10  jazz 71 %` for each section.

        Args:
          top: how many classes to name at least; those that are told are named in any case.
        """
        lines = [say(self.answer, top)]
        for section in self.sections:
            span = f"{clock(section.start)}–{clock(section.end)}"
            lines.append(f"  {span}  {say(section.answer, top)}")
        return "\n".join(lines)


def say(answer: Answer, top: int) -> str:
    """An answer in words: what is told, what that implies, and in brackets what is likely beside.

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
    """A time as people read it, to a tenth of a second: 0:42, 1:10.5 or 2:00:07."""
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 10:04.1f}".removesuffix(".0")
    return f"{hours}:{minutes:02d}:{text}" if hours else f"{minutes}:{text}"
