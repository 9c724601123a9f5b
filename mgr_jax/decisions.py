"""What is told of probabilities: calibrated, above thresholds, or "undecided".

A network's probabilities say which class is the most probable one, not how often that comes true.
What was found on validation tracks to put that right stands in `Decisions`, which model.json keeps;
what a user asks for stands in `Rules`. Needs numpy only.
"""

import dataclasses
import itertools
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mgr_jax.errors import UserError, require, unknown_name
from mgr_jax.genre_tree import ancestors, fit_tree, make_consistent, require_tree, spelt_alike

UNDECIDED = "undecided"
OTHER = "_other"  # a class of what is none of the others, which is never told


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
        for name, value in vars(self).items():
            if name == "hop" and value is None:
                continue
            most = 1.0 if name == "hysteresis" else math.inf
            is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if is_number and 0 <= value <= most and value != math.inf and (value or name != "hop"):
                continue
            bounds = {"hop": "a time above 0", "hysteresis": "a number from 0 to 1"}
            raise UserError(
                f"the timeline's {name} is {value!r}; "
                f"give {bounds.get(name, 'seconds, from 0 up')}",
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


TimelineLike = bool | Timeline | Mapping[str, float] | None  # None: no timeline


@dataclasses.dataclass(frozen=True)
class Decisions:
    """What validation tracks told beside the network; without them, nothing is changed.

    Attributes:
      clip_temperature: by which the logits of clips are divided, see `calibrate`.
      track_temperature: likewise of tracks, whose probabilities are means over clips.
      thresholds: by class, how probable it must be to be told.
      precision: which share of what is told was to be right; None: none was asked for.
      background: what tells music from what is none, by `background.sound_statistics`: their `mean`
        and `scale` [n], `weights` [2 n] and a `bias`, and the `threshold` that a score must exceed;
        empty: nothing does.
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
      classes: only these, whose probabilities stay what they are beside the others; empty: all of
        the model's. Case, spaces, hyphens and underscores do not matter where one class is meant.
      min_probability: the least probable that is told; None: as the model's thresholds say.
      genre_tree: the parent of each genre that has one, see `read_genre_tree`: probabilities then
        agree with it, and what is told implies its ancestors.

    Raises:
      UserError: classes that are one text, a probability outside [0, 1], or a tree in which a genre
        is its own ancestor.
    """

    classes: tuple[str, ...] = ()
    min_probability: float | None = None
    genre_tree: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        several = not isinstance(self.classes, str)  # whose letters would be names
        require(several, "classes", self.classes, "expected names, such as ('jazz',)")
        least = self.min_probability
        inside = least is None or 0 <= least <= 1
        require(inside, "min_probability", least, "expected a number from 0 to 1")
        require_tree(self.genre_tree)

    def fit(self, classes: Sequence[str]) -> "Rules":
        """These rules with the names that the model has for its classes.

        Raises:
          UserError: a name that the model does not know, or a tree of other genres.
        """
        if not self.classes and not self.genre_tree:
            return self
        known = []
        for name in self.classes:
            known.append(spelt_alike(name, classes) or "")
            if not known[-1]:
                raise unknown_name("class of this model", name, classes)
        tree = fit_tree(self.genre_tree, classes) if self.genre_tree else {}
        return dataclasses.replace(self, classes=tuple(known), genre_tree=tree)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is told of a track or of a part of it.

    Attributes:
      classes: names of the columns of `probabilities`.
      probabilities: [classes], calibrated; with a genre tree they agree with it, see
        `make_consistent`.
      told: the classes that are told, the most probable first; none of them: undecided.
      reason: why nothing is told: "threshold", "background", or "other" where the class `_other`,
        of what is none of the genres, is the most probable; empty where something is told.
      implied: classes, or genres that the model does not know, that follow from those told: their
        parents and theirs, the nearest first; also where `Rules.classes` leaves them out.
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


def least_told(classes: Sequence[str], task: str, thresholds: Mapping[str, float]) -> np.ndarray:
    """How probable each class must be to be told, [classes] float32; 0 or, of tags, 0.5 else."""
    usual = 0.0 if task == "single_label" else 0.5
    return np.array([thresholds.get(name, usual) for name in classes], np.float32)


class Decider:
    """Answers for tracks, and for parts of them, by what a model and a user want to be told."""

    def __init__(
        self, classes: tuple[str, ...], task: str, decisions: Decisions, rules: Rules = Rules()
    ) -> None:
        """Raises a UserError for rules that name what the model does not know."""
        self._classes, self._task, self._decisions = classes, task, decisions
        self._rules = rules.fit(classes)

    def answer(
        self, probabilities: np.ndarray, statistics: np.ndarray, *, level: str = "track"
    ) -> Answer:
        """What is told of some clips: all that a track is asked about, or those of a section.

        Args:
          probabilities: [classes], the mean over the clips as the network says them.
          statistics: of the clips, [clips, n]; see `background.sound_statistics`.
          level: "track" or "clip", which temperature is right for them.
        """
        found = self.calibrate(probabilities, level=level)
        return self.tell(found, background=bool(self._score(statistics).mean() > 0))

    def tell(
        self,
        calibrated: np.ndarray,
        *,
        background: bool = False,
        levels: np.ndarray | None = None,
    ) -> Answer:
        """What is told of calibrated probabilities [classes].

        Of a single_label model that is the most probable class, of a multi_label one every tag; in
        either case where they reach their levels. With a genre tree, a single_label model that
        cannot tell the most probable class tells the nearest of its ancestors that it can.

        Args:
          calibrated: see `calibrate`.
          background: whether it is no music, of which nothing is told.
          levels: how probable each class must be; None: see `levels`.
        """
        classes, tree = self._classes, self._rules.genre_tree
        best = classes[int(calibrated.argmax())] if classes else ""
        if tree:
            calibrated = make_consistent(calibrated, classes, tree, self._task)
        if background:
            return Answer(classes, calibrated, (), "background")
        if best == OTHER and self._task == "single_label":
            return Answer(classes, calibrated, (), "other")
        found = dict(zip(classes, calibrated, strict=True))
        enough = calibrated >= (self.levels() if levels is None else levels)
        tells = set(itertools.compress(classes, enough)) & set(self._rules.classes or classes)
        if self._task == "single_label":
            told = [name for name in (best, *ancestors(best, tree)) if name in tells][:1]
        else:
            told = sorted((name for name in classes if name in tells), key=lambda n: -found[n])
        implied = dict.fromkeys(above for name in told for above in ancestors(name, tree))
        return Answer(
            classes,
            calibrated,
            tuple(told),
            "" if told else "threshold",
            tuple(name for name in implied if name not in told),
        )

    def levels(self) -> np.ndarray:
        """How probable each class must be to be told, [classes]."""
        if self._rules.min_probability is not None:
            return np.full(len(self._classes), self._rules.min_probability, np.float32)
        return least_told(self._classes, self._task, self._decisions.thresholds)

    def calibrate(self, probabilities: np.ndarray, *, level: str = "track") -> np.ndarray:
        """Calibrated probabilities [..., classes]; see `answer`."""
        d = self._decisions
        temperature = d.track_temperature if level == "track" else d.clip_temperature
        return calibrate(probabilities, temperature, self._task)

    def background(self, statistics: np.ndarray) -> np.ndarray:
        """Whether clips are no music, bool [clips]; see `answer`."""
        return self._score(statistics) > 0

    def _score(self, statistics: np.ndarray) -> np.ndarray:
        if not (known := self._decisions.background):
            return np.zeros(len(statistics))
        from mgr_jax.background import background_scores  # which few models need

        return background_scores(statistics, known) - known["threshold"]
