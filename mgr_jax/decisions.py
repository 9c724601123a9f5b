"""What is told of probabilities: calibrated, above thresholds, or "undecided".

A network's probabilities say which class is the most probable one, not how often that comes true.
What was found on validation tracks to put that right stands in `Decisions`, which model.json keeps;
what a user asks for stands in `Rules`. Needs numpy only.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mgr_jax.errors import UserError, unknown_name

UNDECIDED = "undecided"


@dataclasses.dataclass(frozen=True)
class Timeline:
    """How windows become the sections of a timeline.

    Attributes:
      hop: seconds from one window to the next; None: the fewest that cover the track.
      smoothing: seconds over which probabilities are averaged.
      hysteresis: by how much another class must be more probable before a new section begins; of
        multi_label tags, how far below its threshold a tag must fall to end.
      min_length: seconds; shorter sections join their neighbours.
    """

    hop: float | None = None
    smoothing: float = 0.0
    hysteresis: float = 0.0
    min_length: float = 0.0

    def __post_init__(self) -> None:
        """Raises a UserError for a setting that no timeline can have."""
        if self.hop is not None and not 0 < self.hop < math.inf:
            raise UserError(
                f"the timeline's hop is {self.hop:g} s; give a time above 0",
                code="timeline.out_of_range",
            )
        for name, most in (("smoothing", math.inf), ("hysteresis", 1.0), ("min_length", math.inf)):
            value = getattr(self, name)
            if not 0 <= value <= most or value == math.inf:
                bounds = "from 0 to 1" if most == 1.0 else "in seconds, from 0 up"
                raise UserError(
                    f"the timeline's {name} is {value:g}; give a number {bounds}",
                    code="timeline.out_of_range",
                )

    def changed(self, asked: "TimelineLike") -> "Timeline":
        """The timeline that a user asks for, where this is the model's.

        Args:
          asked: True for this one, another, or some settings by name that differ from this one's.

        Raises:
          UserError: a setting that no timeline has.
        """
        if isinstance(asked, Mapping):
            names = [field.name for field in dataclasses.fields(self)]
            for name in asked:
                if name not in names:
                    raise unknown_name("setting of a timeline", name, names)
            return dataclasses.replace(self, **asked)
        return asked if isinstance(asked, Timeline) else self


TimelineLike = bool | Timeline | Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Decisions:
    """What validation tracks told beside the network; without them, nothing is changed.

    Attributes:
      clip_temperature: by which the logits of clips are divided, see `calibrate`.
      track_temperature: likewise of tracks, whose probabilities are means over clips.
      thresholds: by class, how probable it must be to be told.
      precision: which share of what is told was to be right; None: none was asked for.
      background: what tells music from what is none; empty: nothing does.
      timeline: how sections are made, unless a user says otherwise.
      measured: what was found with these settings, for people.
    """

    clip_temperature: float = 1.0
    track_temperature: float = 1.0
    thresholds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    precision: float | None = None
    background: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    timeline: Timeline = dataclasses.field(default_factory=Timeline)
    measured: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Rules:
    """What a user wants to be told.

    Attributes:
      classes: only these; empty: all of the model's.
      min_probability: the least probable that is told; None: as the model's thresholds say.
    """

    classes: tuple[str, ...] = ()
    min_probability: float | None = None

    def require_known(self, classes: Sequence[str]) -> None:
        """Raises a UserError for a name that the model does not know."""
        for name in self.classes:
            if name not in classes:
                raise unknown_name("class of this model", name, classes)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is told of a track or of a part of it.

    Attributes:
      classes: names of the columns of `probabilities`.
      probabilities: [classes], calibrated.
      told: the classes that are told, the most probable first; none of them: undecided.
      reason: why nothing is told: "threshold" or "background"; empty where something is.
      implied: classes, or genres that the model does not know, that follow from those told: their
        parents and theirs.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray
    told: tuple[str, ...]
    reason: str = ""
    implied: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The first class that is told, or "undecided"."""
        return self.told[0] if self.told else UNDECIDED

    def top(self, count: int = 3) -> list[tuple[str, float]]:
        """The most probable classes, told or not, as (class, probability)."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.classes[i], float(self.probabilities[i])) for i in order]


def calibrate(probabilities: np.ndarray, temperature: float, task: str) -> np.ndarray:
    """Probabilities [..., classes] as they are when their logits are divided by a temperature.

    Source: Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, 2017.

    Args:
      probabilities: of a softmax (single_label) or of sigmoids (multi_label).
      temperature: above 1 where the network is too sure of itself; 1 changes nothing.
      task: "single_label" or "multi_label".
    """
    if temperature == 1.0:
        return probabilities
    least = np.finfo(np.float32).tiny
    p = np.asarray(probabilities, np.float64)
    logits = np.log(np.maximum(p, least)) / temperature
    if task == "single_label":
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    others = np.log(np.maximum(1 - p, least)) / temperature
    return (1 / (1 + np.exp(others - logits))).astype(np.float32)


def decide(
    probabilities: np.ndarray,
    classes: tuple[str, ...],
    task: str,
    decisions: Decisions,
    rules: Rules = Rules(),
) -> Answer:
    """What is told of calibrated probabilities [classes].

    Of a single_label model that is the most probable class, of a multi_label one every tag of at
    least 0.5; or those that reach their thresholds, where there are any.

    Args:
      probabilities: calibrated, [classes].
      classes: their names.
      task: "single_label" or "multi_label".
      decisions: of the model.
      rules: of the user.
    """
    usual = 0.0 if task == "single_label" else 0.5
    least = [
        rules.min_probability
        if rules.min_probability is not None
        else decisions.thresholds.get(name, usual)
        for name in classes
    ]
    order = np.argsort(-probabilities, kind="stable")
    if task == "single_label":
        order = order[:1]
    told = tuple(
        classes[i]
        for i in order
        if probabilities[i] >= least[i] and (not rules.classes or classes[i] in rules.classes)
    )
    return Answer(classes, probabilities, told, "" if told else "threshold")
