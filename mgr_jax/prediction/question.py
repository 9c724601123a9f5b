"""Chooses the clips of a track, and turns their outputs into a prediction."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mgr_jax.audio.clips import segment_starts
from mgr_jax.decisions import Decider, Rules, Timeline, TimelineLike
from mgr_jax.model_folder import ModelDescription
from mgr_jax.prediction.engine import Outputs
from mgr_jax.prediction.prediction import Prediction


@dataclass(frozen=True)
class Question:
    """The clips of a track to classify, by their first time steps, and their use.

    Attributes:
      length: length of the track in time steps.
      asked: the clips that evaluation uses, [clips]; the answer is their mean.
      told: the segments of the prediction, [segments].
      starts: all of these clips, each once, [clips].
      statistics: of all of these clips, for `Decider.answer`, [clips, n].
      timeline: how sections are made from the segments; None: there are none.
    """

    length: int
    asked: np.ndarray
    told: np.ndarray
    starts: np.ndarray
    statistics: np.ndarray
    timeline: Timeline | None = None


def make_question(track: Any, model: ModelDescription, timeline: Timeline | None) -> Question:
    """Chooses the clips of a track.

    Args:
      track: [time steps, ...] of the spec's dtype, not empty.
      model: the predictor.
      timeline: see `resolve_timeline`.

    Returns:
      The clips.
    """
    length, spec = len(track), model.spec
    asked = segment_starts(length, spec.clip_samples, spec.eval_segments, step=spec.crop.step)
    told = asked
    if timeline:
        from mgr_jax.prediction.timeline import window_starts  # what few need

        told = window_starts(length, spec, timeline)
    starts = np.union1d(asked, told)
    return Question(length, asked, told, starts, statistics_of(track, starts, model), timeline)


def answer_question(
    question: Question, outputs: Outputs, model: ModelDescription, rules: Rules
) -> Prediction:
    """The prediction from the outputs of a track's clips.

    Args:
      question: the clips.
      outputs: outputs for its `starts`; see `ClipEngine`.
      model: the predictor.
      rules: how predictions are decided.
    """
    spec, probabilities = model.spec, outputs["probabilities"]
    decider = Decider(model.classes, spec.task, model.decisions, rules)
    told = np.searchsorted(question.starts, question.told)
    asked = np.searchsorted(question.starts, question.asked)
    whole = probabilities[asked].mean(axis=0)
    rate, start = spec.sample_rate, question.told
    end = np.minimum(start + spec.clip_samples, question.length)
    shown: dict[str, Any] = {}
    if question.timeline:
        from mgr_jax.prediction.timeline import find_sections  # what few need

        shown["moments"], shown["sections"] = find_sections(
            start,
            end,
            probabilities[told],
            question.statistics[told],
            length=question.length,
            rate=rate,
            timeline=question.timeline,
            task=spec.task,
            decider=decider,
        )
    embeddings = outputs["embedding"]
    return Prediction(
        classes=model.classes,
        start=start / rate,
        end=end / rate,
        probabilities=probabilities[told],
        track_probabilities=whole,
        answer=decider.answer(whole, question.statistics[asked]),
        **shown,
        embedding=embeddings[asked].mean(axis=0),
        segment_embeddings=embeddings[told],
    )


def resolve_timeline(asked: TimelineLike, model: ModelDescription) -> Timeline | None:
    """The timeline that is asked for, completed with the model's settings; None: no timeline.

    Args:
      asked: a timeline, settings by name, True or False.
      model: the predictor.

    Raises:
      UserError: a setting is out of range or unknown, or leaves gaps between windows.
    """
    if asked is None or asked is False:
        return None
    from mgr_jax.prediction.timeline import model_timeline, window_starts  # what few need

    timeline = model_timeline(model.decisions, model.spec).changed(asked)
    window_starts(1, model.spec, timeline)
    return timeline


def statistics_of(track: Any, starts: np.ndarray, model: ModelDescription) -> np.ndarray:
    """The sound statistics of clips, for models that check for music; see `Decider`.

    Args:
      track: [samples].
      starts: first sample of each clip, [clips].
      model: the predictor.

    Returns:
      [clips, n].
    """
    if not model.decisions.background:
        return np.zeros((len(starts), 0), np.float32)
    from mgr_jax.background import sound_statistics  # few models need it

    clip, rate = model.spec.clip_samples, int(model.spec.sample_rate)
    return np.stack([sound_statistics(track[s : s + clip], rate) for s in starts])
