"""Turns the windows of a track into the sections of its timeline. Needs numpy only.

A window describes all the time it covers, so the probability at a moment is the mean over the
windows that cover it. Moments are smoothed, then followed with hysteresis: a class that is slightly
more probable for a while starts no new section. Hysteresis is preferred to a Viterbi path with a
switching cost: its margin is a difference of probabilities, which a user can read off a picture,
and it works alike for one genre and for tags that begin and end independently.
"""

from collections.abc import Callable

import numpy as np

from mgr_jax.audio.clips import segment_starts
from mgr_jax.decisions import Answer, Decider, Decisions, Timeline
from mgr_jax.errors import UserError
from mgr_jax.input_spec import InputSpec
from mgr_jax.prediction.prediction import Moments, Section


def model_timeline(decisions: Decisions, spec: InputSpec) -> Timeline:
    """The timeline settings of a model, for users who give none.

    They are those that were chosen for the model, else ones that work well with any model: the
    fewest windows, smoothed over two of them, and no sections shorter than two. Shorter sections
    would mostly be errors on single windows.

    Args:
      decisions: decisions of the model.
      spec: its input specification.
    """
    if decisions.timeline != Timeline():
        return decisions.timeline
    window = spec.clip_samples / spec.sample_rate
    return Timeline(smoothing=2 * window, hysteresis=0.2, min_length=2 * window)


def window_starts(length: int, spec: InputSpec, timeline: Timeline) -> np.ndarray:
    """First time steps of the windows of a timeline, [windows] int64.

    They are a hop apart, rounded down to multiples of the front end's step. The last window ends
    with the track, or less than that step before.

    Args:
      length: length of the track in time steps.
      spec: input specification of the model.
      timeline: the timeline with the hop; None: the fewest windows that cover the track.

    Raises:
      UserError: the hop is longer than a window, so parts would be skipped.
    """
    clip, step = spec.clip_samples, spec.crop.step
    if timeline.hop is None:
        return segment_starts(length, clip, step=step)
    hop = max(timeline.hop * spec.sample_rate, step)
    if round(hop) > clip and hop > step:
        raise UserError(
            f"the timeline's hop is {timeline.hop:g} s, but the model's windows last "
            f"{clip / spec.sample_rate:g} s, so the sound between them would be skipped; give "
            "at most that",
            code="timeline.gaps",
        )
    if length <= clip:
        return np.zeros(1, np.int64)
    last = length - clip
    starts = np.append((np.arange(int(last / hop) + 1) * hop).astype(np.int64), last)
    return np.unique(starts - starts % step)


def find_sections(
    start: np.ndarray,
    end: np.ndarray,
    probabilities: np.ndarray,
    statistics: np.ndarray,
    *,
    length: int,
    rate: float,
    timeline: Timeline,
    task: str,
    decider: Decider,
) -> tuple[Moments, tuple[Section, ...]]:
    """Divides a track into sections with one prediction each; they cover it completely.

    Args:
      start: first time step of each window, [windows], ascending.
      end: the time step after its last, [windows], ascending.
      probabilities: of the windows, uncalibrated, [windows, classes].
      statistics: sound statistics of the windows, which detect sounds that are not music,
        [windows, n]; see `Decider`.
      length: length of the track in time steps.
      rate: time steps per second.
      timeline: smoothing, hysteresis and shortest section.
      task: "single_label" or "multi_label".
      decider: decides predictions.

    Returns:
      The moments, and the sections made from them. Neighbouring sections differ in their answer.
    """
    calibrated = decider.calibrate(probabilities, level="clip")
    silent = decider.background(statistics)  # an additional last column
    edges, heard = average_windows(start, end, np.column_stack([calibrated, silent]), length)
    seconds, width = edges / rate, np.diff(edges) / rate
    smooth = smooth_moments(seconds, heard, timeline.smoothing)
    if task == "single_label":
        states = follow_best(smooth[:, :-1], timeline.hysteresis)
    else:
        states = follow_tags(smooth[:, :-1], decider.levels(), timeline.hysteresis)
    no_music = smooth[:, -1:] > 0.5
    states = np.hstack([states & ~no_music, no_music])
    bounds = join_short(states, smooth, width, timeline.min_length)

    def tell(first: int, last: int) -> Answer:
        mean = np.average(heard[first:last], axis=0, weights=width[first:last])
        most = np.average(states[first:last], axis=0, weights=width[first:last]) > 0.5
        levels = None
        if task == "multi_label":  # a continuing tag needs less than a new one
            levels = decider.levels() - timeline.hysteresis * most[:-1]
        return decider.tell(mean[:-1], background=bool(most[-1]), levels=levels)

    sections = tuple(
        Section(float(seconds[first]), float(seconds[last]), answer)
        for first, last, answer in _join_alike(bounds, tell)
    )
    return Moments(seconds, smooth[:, :-1]), sections


def average_windows(
    start: np.ndarray, end: np.ndarray, probabilities: np.ndarray, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Divides a track where windows begin or end, and averages the windows that cover each moment.

    Args:
      start: first time step of each window, [windows], ascending.
      end: the time step after its last, [windows], ascending.
      probabilities: [windows, classes].
      length: length of the track in time steps. Time that no window covers, between two windows or
        at the end, gets the probabilities of the window before.

    Returns:
      Edges of the moments in time steps, [moments + 1], from 0 to `length`, and the means,
      [moments, classes].
    """
    inner = np.union1d(start, end)
    edges = np.concatenate([[0], inner[(inner > 0) & (inner < length)], [length]])
    last = np.searchsorted(start, edges[:-1], side="right")
    first = np.minimum(np.searchsorted(end, edges[:-1], side="right"), last - 1)
    sums = np.zeros((len(start) + 1, probabilities.shape[1]))
    np.cumsum(probabilities, axis=0, dtype=np.float64, out=sums[1:])
    means = (sums[last] - sums[first]) / (last - first)[:, None]
    return edges, np.clip(means, 0, 1)


def smooth_moments(edges: np.ndarray, probabilities: np.ndarray, seconds: float) -> np.ndarray:
    """Moving average [moments, classes] around the middle of each moment.

    At both ends of the track the average is over the available part.

    Args:
      edges: edges of the moments in seconds, [moments + 1].
      probabilities: [moments, classes].
      seconds: length of the average; 0 changes nothing.
    """
    if seconds <= 0:
        return probabilities
    width, middle = np.diff(edges), (edges[1:] + edges[:-1]) / 2
    low = np.maximum(middle - seconds / 2, edges[0])
    high = np.minimum(middle + seconds / 2, edges[-1])
    sums = np.zeros((len(edges), probabilities.shape[1]))
    np.cumsum(probabilities * width[:, None], axis=0, out=sums[1:])
    smooth = [
        (np.interp(high, edges, column) - np.interp(low, edges, column)) / (high - low)
        for column in sums.T
    ]
    return np.clip(np.stack(smooth, axis=1), 0, 1)


def follow_best(probabilities: np.ndarray, hysteresis: float) -> np.ndarray:
    """Follows the most probable class; another class takes over only if it leads by the margin.

    It takes over from the moment where it became the more probable one, so that the margin does not
    delay sections.

    Args:
      probabilities: [moments, classes].
      hysteresis: the margin.

    Returns:
      The class of each moment, as bool [moments, classes] with one True per row.
    """
    best = probabilities.argmax(axis=1)
    followed = np.empty(len(best), np.int64)
    current, began = best[0], 0
    for moment, other in enumerate(best):
        if (
            other != current
            and probabilities[moment, other] > probabilities[moment, current] + hysteresis
        ):
            since = moment
            while (
                since - 1 > began
                and probabilities[since - 1, other] > probabilities[since - 1, current]
            ):
                since -= 1
            followed[since:moment] = other
            current, began = other, since
        followed[moment] = current
    return followed[:, None] == np.arange(probabilities.shape[1])


def follow_tags(probabilities: np.ndarray, levels: np.ndarray, hysteresis: float) -> np.ndarray:
    """Follows tags: each begins at its level, and ends when it falls `hysteresis` below.

    Args:
      probabilities: [moments, tags].
      levels: level at which each begins, [tags].
      hysteresis: how far it may fall.

    Returns:
      The tags of each moment, bool [moments, tags].
    """
    begins = probabilities >= levels
    told = begins | (probabilities < levels - hysteresis)
    moments = np.arange(len(probabilities))[:, None]
    latest = np.maximum.accumulate(np.where(told, moments, -1), axis=0)
    return np.take_along_axis(begins, np.maximum(latest, 0), axis=0)


def join_short(
    states: np.ndarray, probabilities: np.ndarray, width: np.ndarray, min_length: float
) -> np.ndarray:
    """Cuts moments where their state changes, and merges short parts into a neighbour.

    The shortest part goes first, to the neighbour whose state is nearest to its mean probabilities
    in the sum of squares. For one class this is the more probable one.

    Args:
      states: bool [moments, classes]; merged moments are changed in place.
      probabilities: [moments, classes].
      width: length of the moments in seconds, [moments].
      min_length: length of the shortest part in seconds.

    Returns:
      First moment of each part, and the number of moments, [parts + 1].
    """
    changes = (states[1:] != states[:-1]).any(axis=1).nonzero()[0] + 1
    bounds = np.concatenate([[0], changes, [len(states)]])
    time = np.concatenate([[0], np.cumsum(width)])
    sums = np.zeros((len(time), probabilities.shape[1]))
    np.cumsum(probabilities * width[:, None], axis=0, out=sums[1:])
    while len(bounds) > 2:
        lengths = time[bounds[1:]] - time[bounds[:-1]]
        part = int(lengths.argmin())
        if lengths[part] >= min_length - 1e-9:  # up to rounding
            break
        first, last = bounds[part], bounds[part + 1]
        mean = (sums[last] - sums[first]) / (time[last] - time[first])
        sides = [moment for moment in (first - 1, last) if 0 <= moment < len(states)]
        states[first:last] = states[
            min(sides, key=lambda side: float(((states[side] - mean) ** 2).sum()))
        ]
        alike = [
            place
            for place in (part, part + 1)
            if 0 < bounds[place] < len(states)
            and (states[bounds[place] - 1] == states[bounds[place]]).all()
        ]
        bounds = np.delete(bounds, alike)
    return bounds


def _join_alike(
    bounds: np.ndarray, tell: Callable[[int, int], Answer]
) -> list[tuple[int, int, Answer]]:
    """Merges neighbouring parts (first moment, the one after the last, answer) of equal answer."""
    parts: list[tuple[int, int, Answer]] = []
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        answer = tell(first, last)
        while parts and _says(parts[-1][2]) == _says(answer):
            first = parts.pop()[0]
            answer = tell(first, last)
        parts.append((first, last, answer))
    return parts


def _says(answer: Answer) -> tuple[frozenset[str], bool]:
    return frozenset(answer.told), answer.reason == "background"
