"""Cutting a track into the clips of one length that a network sees."""

import math

import numpy as np


def segment_starts(length: int, clip_samples: int, segments: int = 0) -> np.ndarray:
    """Spreads clips evenly over a track, first and last sample included.

    Args:
      length: samples of the track.
      clip_samples: samples of a clip.
      segments: how many clips; 0 means the fewest that cover the track. A track no longer than
        one clip gives one.

    Returns:
      First sample of each clip, [segments] int64.
    """
    if length <= clip_samples:
        return np.zeros(1, np.int64)
    count = segments or math.ceil(length / clip_samples)
    if count == 1:
        return np.array([(length - clip_samples) // 2])
    return np.round(np.linspace(0, length - clip_samples, count)).astype(np.int64)


def fit_length(clip: np.ndarray, clip_samples: int, short_clip: str) -> np.ndarray:
    """Fills a clip that is too short: zeros at its end, or the clip again and again.

    Args:
      clip: [samples] or [frames, ...], at least one; a longer clip is returned as it is.
      clip_samples: the length to reach.
      short_clip: "zero_pad" or "repeat".
    """
    missing = clip_samples - len(clip)
    if missing <= 0:
        return clip
    widths = [(0, missing)] + [(0, 0)] * (clip.ndim - 1)
    return np.pad(clip, widths, mode="wrap" if short_clip == "repeat" else "constant")
