"""Chooses the settings of a model's timeline on splices of its dataset, and scores them."""

import dataclasses
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mgr_jax.benchmark.splices import (
    PURE_CLIPS,
    Clip,
    Counts,
    count_boundaries,
    pure_clips,
    rates,
    splice_tracks,
)
from mgr_jax.config import load_config
from mgr_jax.data.cache import Tracks
from mgr_jax.data.pipeline import open_split
from mgr_jax.decisions import Decider, Decisions, Timeline
from mgr_jax.errors import UserError
from mgr_jax.files import expand
from mgr_jax.model_folder import ModelDescription, find_model
from mgr_jax.prediction.engine import TrackClips
from mgr_jax.prediction.predictor import Predictor, load
from mgr_jax.prediction.timeline import find_sections, model_timeline, window_starts
from mgr_jax.training.same_run import require_same_splits

TOLERANCE = 3.0  # largest error of a found boundary in seconds; at most a window
TOLD_APART = 0.75  # share of a class's validation windows that must be right
LEAST_RECALL, MOST_SPURIOUS = 0.9, 1.0  # the aims; sections in 10 minutes of pure clips
SPLICES = 40


@dataclasses.dataclass(frozen=True)
class Heard:
    """The windows of a clip, classified.

    Attributes:
      boundaries: times at which a new genre begins, in seconds.
      label: class of its first piece.
      start: first time step of each window, [windows].
      end: the time step after its last, [windows].
      probabilities: [windows, classes].
      length: time steps of the clip.
    """

    boundaries: np.ndarray
    label: int
    start: np.ndarray
    end: np.ndarray
    probabilities: np.ndarray
    length: int


@dataclasses.dataclass(frozen=True)
class Material:
    """Clips of a split: splices of the recognised classes, and all its pure clips."""

    splices: list[Heard]
    pure: list[Heard]

    def pure_of(self, classes: Sequence[int]) -> list[Heard]:
        """The pure clips of some classes."""
        return [heard for heard in self.pure if heard.label in classes]


def grid(window: float) -> list[Timeline]:
    """The settings to try for a model with windows of so many seconds."""
    hops, spans, margins = (window / 6, window / 2, window), (0, 1, 2), (0.0, 0.1, 0.2, 0.4)
    return [
        Timeline(hop, smoothing * window, margin, shortest * window)
        for hop, smoothing, margin, shortest in itertools.product(hops, spans, margins, spans)
    ]


def choose_timeline(
    model: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    split: str = "validation",
    decisions: Decisions | None = None,
    progress: bool = False,
) -> tuple[Timeline, dict[str, Any]]:
    """Chooses hop, smoothing, hysteresis and shortest section on tracks not used for training.

    Pieces of these tracks are spliced, of the genres that the model recognises there. Candidates
    are the settings with at most one spurious section in 10 minutes of pure clips, or else with the
    fewest. Among them the highest F1 of boundaries wins; then the fewest spurious sections; then
    the most hysteresis and smoothing, since the model recognises other tracks less well than those
    by which the genres were chosen; then the shortest sections and the largest hop.

    Args:
      model: a trained single_label run on audio.
      data_dir: the TFDS folder, if it has moved since training.
      split: the split to choose on.
      decisions: decisions for the sections; None: the model's.
      progress: show a bar.

    Returns:
      The settings, and their scores: "window" in seconds, "tolerance", the recognised "classes",
      the number of "tried" settings, "splices", and "recall", "precision", "f1" and
      "spurious_per_10_min".

    Raises:
      UserError: no such run or dataset, a model of features or tags, or a model that recognises
        fewer than two genres.
    """
    study = TimelineStudy(model, data_dir, decisions, progress)
    return study.choose(split)


class TimelineStudy:
    """A model, and the splits of the dataset that it was trained on."""

    def __init__(
        self,
        model: str | os.PathLike[str],
        data_dir: str | os.PathLike[str] | None,
        decisions: Decisions | None,
        progress: bool,
    ) -> None:
        self.folder = find_model(model)
        self.predictor: Predictor = load(self.folder)
        spec = self.predictor.spec
        require_splices(self.folder, self.predictor.description)
        self.rate, self.window = spec.sample_rate, spec.clip_samples / spec.sample_rate
        self.tolerance = min(self.window, TOLERANCE)
        decisions = decisions or self.predictor.description.decisions
        self.own = model_timeline(decisions, spec)
        decisions = dataclasses.replace(decisions, background={})  # all of it is music
        self._decider = Decider(self.predictor.classes, spec.task, decisions)
        self._settings = grid(self.window)
        self.classes: list[int] = []  # the recognised classes, found by `choose`
        self._progress = progress
        self._config = load_config(self.folder / "config.json")
        if data_dir:
            self._config.data_dir = str(expand(data_dir))

    def choose(self, split: str) -> tuple[Timeline, dict[str, Any]]:
        """See `choose_timeline`."""
        tracks, pure = self._pure(split)
        self.classes = told_apart(pure, tracks.classes, split)
        material = self._splice(tracks, pure)
        tried = [(t, rates(*self.count(material, t, self.classes))) for t in self._settings]
        timeline, found = best_of(tried)
        return timeline, {
            "window": self.window,
            "tolerance": self.tolerance,
            "classes": [tracks.classes[c] for c in self.classes],
            "of_classes": len(tracks.classes),
            "tried": len(tried),
            "splices": len(material.splices),
            **found,
        }

    def hear(self, split: str) -> Material:
        """The material of a split, of the recognised classes.

        Raises:
          UserError: the split lacks one of them.
        """
        tracks, pure = self._pure(split)
        missing = [tracks.classes[c] for c in self.classes if c not in tracks.label]
        if missing:
            raise UserError(
                f"the {split} split has no track of {', '.join(missing)}, which the model tells "
                "apart; prepare the dataset with a larger share for it",
                code="split.no_labels",
            )
        return self._splice(tracks, pure)

    def count(
        self, material: Material, timeline: Timeline, classes: Sequence[int]
    ) -> tuple[Counts, Counts]:
        """Counts what a timeline finds in the splices, and in the pure clips of some classes.

        Args:
          material: the clips.
          timeline: the settings.
          classes: the classes of the pure clips.

        Returns:
          Counts of the splices and of the pure clips.
        """
        return self._count(material.splices, timeline), self._count(
            material.pure_of(classes), timeline
        )

    def _count(self, clips: Sequence[Heard], timeline: Timeline) -> Counts:
        known = [(heard.boundaries, heard.length / self.rate) for heard in clips]
        return count_boundaries(
            known, [self._boundaries(heard, timeline) for heard in clips], self.tolerance
        )

    def _boundaries(self, heard: Heard, timeline: Timeline) -> np.ndarray:
        """The times at which a timeline ends a section and begins another, in seconds."""
        spec = self.predictor.spec
        kept = np.isin(heard.start, window_starts(heard.length, spec, timeline))
        _, sections = find_sections(
            heard.start[kept],
            heard.end[kept],
            heard.probabilities[kept],
            np.zeros((kept.sum(), 0)),
            length=heard.length,
            rate=self.rate,
            timeline=timeline,
            task=spec.task,
            decider=self._decider,
        )
        return np.array([section.start for section in sections[1:]])

    def _pure(self, split: str) -> tuple[Tracks, list[Heard]]:
        tracks = open_split(self._config, split, progress=self._progress)
        require_same_splits(self.folder, tracks.account)
        return tracks, self._listen(
            pure_clips(tracks), f"{split}, pure clips", min(len(tracks), PURE_CLIPS)
        )

    def _splice(self, tracks: Tracks, pure: list[Heard]) -> Material:
        splices = splice_tracks(tracks, self.classes, SPLICES, seed=0)
        return Material(self._listen(splices, f"{tracks.split}, splices", SPLICES), pure)

    def _listen(self, clips: Iterable[Clip], what: str, total: int) -> list[Heard]:
        """Classifies the windows of clips at every hop that is tried."""
        spec = self.predictor.spec
        hops = {timeline.hop: timeline for timeline in (*self._settings, self.own)}.values()

        def ask(clip: Clip) -> TrackClips:
            length = len(clip.samples)
            starts = np.unique(np.concatenate([window_starts(length, spec, t) for t in hops]))
            heard = Heard(
                clip.boundaries,
                int(clip.labels[0]),
                starts,
                np.minimum(starts + spec.clip_samples, length),
                np.zeros(0),
                length,
            )
            asked = self.predictor.ask(clip.samples, name=clip.name)
            return dataclasses.replace(asked, key=heard, starts=starts)

        answers = tqdm(
            self.predictor.engine(map(ask, clips)),
            what,
            total=total,
            unit="clip",
            leave=False,
            disable=None if self._progress else True,
        )
        return [
            dataclasses.replace(heard, probabilities=outputs["probabilities"])
            for heard, outputs in answers
        ]


def require_splices(folder: Path, model: ModelDescription) -> None:
    """Checks that the correct sections of splices are known for a model.

    Args:
      folder: folder of the model.
      model: its predictor.

    Raises:
      UserError: they are not.
    """
    spec = model.spec
    if spec.kind != "waveform" or spec.task != "single_label" or model.side.format:
        raise UserError(
            f"{folder} is not a single_label model of sound alone, and only for these are the "
            "correct sections of splices known; its timeline cannot be chosen or measured",
            code="benchmark.other_model",
        )


def told_apart(pure: Sequence[Heard], names: Sequence[str], split: str) -> list[int]:
    """The recognised classes: three of four of their windows are right.

    Args:
      pure: the pure clips.
      names: names of the classes.
      split: name of the split, for the message.

    Raises:
      UserError: there are fewer than two.
    """
    right: dict[int, list[np.ndarray]] = {}
    for heard in pure:
        right.setdefault(heard.label, []).append(heard.probabilities.argmax(1) == heard.label)
    shares = {label: float(np.concatenate(told).mean()) for label, told in sorted(right.items())}
    found = [label for label, share in shares.items() if share >= TOLD_APART]
    if len(found) < 2:
        told = ", ".join(f"{names[label]} {share:.0%}" for label, share in shares.items())
        raise UserError(
            f"the model recognises fewer than two genres: of their {split} windows {told} are "
            f"right, but {TOLD_APART:.0%} are needed; train a better model",
            code="benchmark.not_told_apart",
        )
    return found


def best_of(
    tried: Sequence[tuple[Timeline, Mapping[str, float]]],
) -> tuple[Timeline, Mapping[str, float]]:
    """The settings to choose, with their scores; see `choose_timeline`."""

    def merit(row: tuple[Timeline, Mapping[str, float]]) -> tuple[float, ...]:
        timeline, found = row
        spurious = found["spurious_per_10_min"]
        # F1 to a hundredth: smaller differences are chance.
        return (
            -max(spurious, MOST_SPURIOUS),
            round(found["f1"], 2),
            -spurious,
            timeline.hysteresis,
            timeline.smoothing,
            -timeline.min_length,
            timeline.hop or np.inf,
        )

    return max(tried, key=merit)
