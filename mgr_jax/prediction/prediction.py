"""What a classifier says of one track."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mgr_jax.errors import printable


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of one track.

        prediction = mgr_jax.load("runs/a").predict("song.mp3")
        prediction.top(3)  # [("metal", 0.79), ("pop", 0.17), ("rock", 0.03)]

    Attributes:
      classes: names of the columns of `probabilities`.
      start: of each segment in seconds, [segments].
      end: of each segment in seconds, [segments].
      probabilities: [segments, classes]; a row of a single_label model sums to 1.
      track_probabilities: of the whole track, [classes]: the mean over the clips that evaluation
        asks about. These are the segments, unless a timeline was asked for.
    """

    classes: tuple[str, ...]
    start: np.ndarray
    end: np.ndarray
    probabilities: np.ndarray
    track_probabilities: np.ndarray

    @property
    def label(self) -> str:
        """The most probable class of the whole track."""
        return self.top(1)[0][0]

    def top(self, count: int = 3) -> list[tuple[str, float]]:
        """Names the most probable classes of the whole track.

        Args:
          count: how many.

        Returns:
          (class, probability), the most probable first.
        """
        mean = self.track_probabilities
        return [(self.classes[i], float(mean[i])) for i in np.argsort(-mean)[:count]]

    def timeline(self) -> list[tuple[float, float, str, float]]:
        """Tells the segments apart.

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

    def describe(self, top: int = 3, *, timeline: bool = False) -> str:
        """Says it in words: `metal 79 %, pop 17 %, rock 3 %`.

        Args:
          top: how many classes to name.
          timeline: add a line for each segment.
        """
        lines = [", ".join(f"{printable(label)} {100 * p:.0f} %" for label, p in self.top(top))]
        for start, end, label, probability in self.timeline() if timeline else ():
            share = f"{printable(label)} {100 * probability:.0f} %"
            lines.append(f"  {_clock(start)}-{_clock(end)}  {share}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON: label, classes, track, start, end and segments."""
        return {
            "label": self.label,
            "classes": list(self.classes),
            "track": self.track_probabilities.tolist(),
            "start": self.start.tolist(),
            "end": self.end.tolist(),
            "segments": self.probabilities.tolist(),
        }


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"
