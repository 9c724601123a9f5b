"""Cuts a track into clips of one length, as a network takes them."""

import dataclasses
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Crop:
    """How a front end needs clips cut from their tracks.

    Attributes:
      context: extra samples on each side of a clip.
      step: clips start at multiples of this many samples of their track.
      padding: the values beyond the ends of a track: "constant" (zeros) or "reflect".
    """

    context: int = 0
    step: int = 1
    padding: str = "constant"


WITHOUT_CONTEXT = Crop()


def segment_starts(
    length: int, clip_samples: int, segments: int = 0, *, step: int = 1
) -> np.ndarray:
    """Spreads clips evenly over a track, from its first sample to its last.

    Args:
      length: samples of the track.
      clip_samples: samples of a clip.
      segments: how many clips; 0 means the fewest that cover the track. A track no longer than
        one clip gives one.
      step: clips start at multiples of this, so that fewer than `step` samples may be left over
        between two clips and at the end.

    Returns:
      First sample of each clip, [segments] int64.
    """
    if length <= clip_samples:
        return np.zeros(1, np.int64)
    count = segments or math.ceil(length / clip_samples)
    if count == 1:
        starts = np.array([(length - clip_samples) // 2])
    else:
        starts = np.round(np.linspace(0, length - clip_samples, count)).astype(np.int64)
    return starts - starts % step


def fit_length(clip: np.ndarray, clip_samples: int, short_clip: str) -> np.ndarray:
    """Fills up a clip that is too short, with zeros at its end or by repeating it.

    Args:
      clip: [samples] or [frames, ...], at least one; a longer clip is returned unchanged.
      clip_samples: the length to reach.
      short_clip: "zero_pad" or "repeat".

    Returns:
      The clip, [clip_samples] or [clip_samples, ...].
    """
    return _pad(clip, 0, clip_samples - len(clip), "wrap" if short_clip == "repeat" else "constant")


def read_window(track: np.ndarray, start: int, stop: int, padding: str) -> np.ndarray:
    """Reads samples [start, stop) of a track. They may lie beyond its ends.

    Args:
      track: the whole track [samples, ...], at least one sample; only the part that is needed is
        read.
      start: first sample; negative before the track.
      stop: the sample after the last.
      padding: "constant" (zeros) or "reflect", which does not repeat the samples at the ends.

    Returns:
      The samples, [stop - start, ...].
    """
    if start >= 0 and stop <= len(track):
        return track[start:stop]
    if padding == "reflect":
        period = max(1, 2 * (len(track) - 1))
        samples = np.arange(start, stop) % period
        return track[np.where(samples < len(track), samples, period - samples)]
    first, last = max(start, 0), min(stop, len(track))
    return _pad(track[first:last], first - start, stop - last, "constant")


def cut_clip(
    track: np.ndarray, start: int, clip_samples: int, *, short_clip: str, crop: Crop
) -> np.ndarray:
    """Cuts a clip with its context from a track.

    Args:
      track: [samples, ...], at least one sample; only the part that is needed is read.
      start: first sample of the clip, without its context.
      clip_samples: samples of the clip, without its context.
      short_clip: how to fill up a track shorter than a clip: "zero_pad" or "repeat".
      crop: the context, and the values beyond the ends of the track.

    Returns:
      The clip, [context + clip_samples + context, ...].
    """
    if len(track) < clip_samples:
        track, start = fit_length(track, clip_samples, short_clip), 0
    stop = start + clip_samples + crop.context
    return read_window(track, start - crop.context, stop, crop.padding)


def _pad(clip: np.ndarray, before: int, after: int, mode: str) -> np.ndarray:
    if before <= 0 and after <= 0:
        return clip
    widths = [(max(before, 0), max(after, 0))] + [(0, 0)] * (clip.ndim - 1)
    return np.pad(clip, widths, mode=mode)  # type: ignore[call-overload]
