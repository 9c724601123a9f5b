"""Decides which classes are reported: calibrated probabilities above thresholds, or "undecided".

The probabilities of a network say which class is the most probable, but not how often it is right.
`Decisions` holds the corrections that were found on validation tracks; model.json keeps them.
`Rules` holds the wishes of a user. This module needs only NumPy.
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
OTHER = "_other"  # the class of everything else; it is never reported


@dataclasses.dataclass(frozen=True)
class Timeline:
    """How windows become the sections of a timeline.

    Attributes:
      hop: seconds from one window to the next; None: the fewest windows that cover the track.
      smoothing: seconds over which probabilities are averaged.
      hysteresis: how much more probable another class must be before a new section begins; for
        multi_label, how far below its threshold a tag must fall to end.
      min_length: seconds; shorter sections join their neighbours.
    """

    hop: float | None = None
    smoothing: float = 0.0
    hysteresis: float = 0.0
    min_length: float = 0.0

    def __post_init__(self) -> None:
        """Checks the settings.

        Raises:
          UserError: a setting is out of range.
        """
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
        """The timeline that a user asks for; this one is the model's.

        Args:
          asked: True for this one, another one, or a few settings by name that replace this one's.

        Raises:
          UserError: there is no such setting, or it is out of range.
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
    """What was learnt from validation tracks besides the network; without it, nothing is changed.

    Attributes:
      clip_temperature: divisor of the logits of clips, see `calibrate`.
      track_temperature: divisor of the logits of tracks, whose probabilities are means over clips.
      thresholds: the least probability at which a class is reported, by class.
      precision: the share of reported classes that had to be right; None: not required.
      background: the detector of sound that is not music, on `background.sound_statistics`: `mean`
        and `scale` [n], `weights` [2 n], `bias`, and the `threshold` of the score; empty: no
        detector.
      timeline: how sections are made, unless a user asks for something else.
      measured: results with these settings, for people.
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
    """What a user wants to be reported.

    Attributes:
      classes: report only these; their probabilities stay the same. Empty: all classes of the
        model. Case, spaces, hyphens and underscores do not matter if the name is unambiguous.
      min_probability: the least probability that is reported; None: the model's thresholds.
      genre_tree: the parent of each genre that has one, see `read_genre_tree`. Probabilities then
        agree with the tree, and a reported genre implies its ancestors.

    Raises:
      UserError: `classes` is a single text, a probability is outside [0, 1], or a genre is its own
        ancestor.
    """

    classes: tuple[str, ...] = ()
    min_probability: float | None = None
    genre_tree: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        several = not isinstance(self.classes, str)  # its letters would be taken for names
        require(several, "classes", self.classes, "expected names, such as ('jazz',)")
        least = self.min_probability
        inside = least is None or 0 <= least <= 1
        require(inside, "min_probability", least, "expected a number from 0 to 1")
        require_tree(self.genre_tree)

    def fit(self, classes: Sequence[str]) -> "Rules":
        """The same rules with the model's spelling of its classes.

        Args:
          classes: of the model.

        Raises:
          UserError: the model does not know a name, or the tree has none of its classes.
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
    """The classes that are reported for a track or a part of it.

    Attributes:
      classes: names of the columns of `probabilities`.
      probabilities: [classes], calibrated; with a genre tree they agree with it, see
        `make_consistent`.
      told: the reported classes, the most probable first; none: undecided.
      reason: why nothing is reported: "threshold", "background", or "other" if `_other`, the class
        of everything that is none of the genres, is the most probable; empty if something is
        reported.
      implied: the ancestors of the reported classes, the nearest first; also genres that the model
        does not know, and classes that `Rules.classes` leaves out.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray
    told: tuple[str, ...]
    reason: str = ""
    implied: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The first reported class, or "undecided"."""
        return self.told[0] if self.told else UNDECIDED

    def top(self, count: int = 3) -> list[tuple[str, float]]:
        """The most probable classes, reported or not, as (class, probability)."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.classes[i], float(self.probabilities[i])) for i in order]


def calibrate(probabilities: np.ndarray, temperature: float, task: str) -> np.ndarray:
    """The probabilities [..., classes] after their logits are divided by a temperature.

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
    """The probability that each class must reach to be reported, [classes] float32.

    Args:
      classes: of the model.
      task: "single_label", where it is 0 by default, or "multi_label", where it is 0.5.
      thresholds: by class, instead of the default.
    """
    usual = 0.0 if task == "single_label" else 0.5
    return np.array([thresholds.get(name, usual) for name in classes], np.float32)


class Decider:
    """Decides on the answers for tracks and parts of them, by model and user."""

    def __init__(
        self, classes: tuple[str, ...], task: str, decisions: Decisions, rules: Rules = Rules()
    ) -> None:
        """Joins the decisions of a model and the rules of a user.

        Args:
          classes: of the model.
          task: "single_label" or "multi_label".
          decisions: of the model.
          rules: of the user.

        Raises:
          UserError: the rules name something that the model does not know.
        """
        self._classes, self._task, self._decisions = classes, task, decisions
        self._rules = rules.fit(classes)

    def answer(
        self, probabilities: np.ndarray, statistics: np.ndarray, *, level: str = "track"
    ) -> Answer:
        """The answer for some clips: all clips of a track, or those of a section.

        Args:
          probabilities: [classes], the mean over the clips, as the network gives them.
          statistics: of the clips, [clips, n]; see `background.sound_statistics`.
          level: "track" or "clip", which selects the temperature.
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
        """The answer for calibrated probabilities [classes].

        A single_label model reports the most probable class, a multi_label model every tag, if they
        reach their thresholds. With a genre tree, a single_label model that cannot report the most
        probable class reports the nearest of its ancestors that it can.

        Args:
          calibrated: see `calibrate`.
          background: whether it is not music; then nothing is reported.
          levels: the probability that each class must reach; None: see `levels`.
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
        """The probability that each class must reach to be reported, [classes]."""
        if self._rules.min_probability is not None:
            return np.full(len(self._classes), self._rules.min_probability, np.float32)
        return least_told(self._classes, self._task, self._decisions.thresholds)

    def calibrate(self, probabilities: np.ndarray, *, level: str = "track") -> np.ndarray:
        """The calibrated probabilities [..., classes]; see `answer`."""
        d = self._decisions
        temperature = d.track_temperature if level == "track" else d.clip_temperature
        return calibrate(probabilities, temperature, self._task)

    def background(self, statistics: np.ndarray) -> np.ndarray:
        """Whether clips are not music, bool [clips]; see `answer`."""
        return self._score(statistics) > 0

    def _score(self, statistics: np.ndarray) -> np.ndarray:
        if not (known := self._decisions.background):
            return np.zeros(len(statistics))
        from mgr_jax.background import background_scores  # which few models need

        return background_scores(statistics, known) - known["threshold"]
