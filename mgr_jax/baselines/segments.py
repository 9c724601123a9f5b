"""Features of the segments of prepared tracks. They are computed once and kept with the dataset."""

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.data.cache import Tracks
from mgr_jax.errors import unknown_name
from mgr_jax.features.kept import keep_features
from mgr_jax.features.pictures import OF_PICTURES, bin_statistics
from mgr_jax.features.random_projection import AT_ONCE, HOP_LENGTH, Projection, log_mel
from mgr_jax.features.recipes import RECIPES, find_recipe

OF_AUDIO = (*RECIPES, "random_projection")

_SAMPLES_FOR_WORKERS = 20_000_000  # below, processes take longer to start than to be of use


def describe_segments(
    segments: Tracks,
    features: str,
    cache: Path,
    *,
    steps: int = 0,
    components: int = 256,
    workers: int | None = None,
    progress: bool = True,
) -> np.ndarray:
    """The features of segments, from the cache if they are there.

    Args:
      segments: see `Tracks.cut`; whole tracks are their own segments.
      features: one of OF_AUDIO for waveforms (`fma518` in its corrected form, because their rate is
        the dataset's), of OF_PICTURES for arrays.
      cache: the .npz file to make; see `keep_features`.
      steps: time steps per segment that the random projection uses; equal for all splits, because
        each number has its own projection.
      components: of the random projection.
      workers: processes; None starts some if there is much to do.
      progress: show a progress bar.

    Returns:
      [segments, columns] float32; a row of NaN where a segment has no features, as in silence.

    Raises:
      UserError: there are no such features, or no segment has any.
    """
    of_audio = segments.kind == "waveform"
    known = OF_AUDIO if of_audio else OF_PICTURES
    if features not in known:
        raise unknown_name(f"description of {segments.kind}s", features, known)
    if workers is None:
        much = of_audio and segments.length.sum() > _SAMPLES_FOR_WORKERS
        workers = (os.cpu_count() or 1) if much else 0
    how: dict[str, Any] = {}
    settings: dict[str, Any] = {"features": features, "segments": _digest(segments)}
    compute: Callable[..., np.ndarray]
    if features == "random_projection":
        compute = log_mel if of_audio else np.asarray
        frames = 1 + steps // HOP_LENGTH if of_audio else steps
        settings |= {"frames": frames, "components": components}
        # Drawn in this process alone: a copy in every worker would fill the memory.
        how = {"finish": Projection(frames=frames, components=components), "batch": AT_ONCE}
    elif of_audio:
        compute = find_recipe(features, corrected=features == "fma518").describe
    else:
        compute = bin_statistics
    read = _read_audio if of_audio else _read_picture
    return keep_features(
        cache,
        {
            f"segment {row} of {segments.track_id[row]}": functools.partial(
                read,
                # The account can be long, and would travel to the workers with every segment.
                dataclasses.replace(segments.select([row]), account={}),
            )
            for row in range(len(segments))
        },
        compute,
        settings=settings,
        workers=workers,
        title=f"{features} of {segments.split}",
        unit="segment",
        progress=progress,
        **how,
    )


def _read_audio(segment: Tracks) -> tuple[np.ndarray, int]:
    return segment.read(0).astype(np.float32) / 32768.0, int(segment.rate)


def _read_picture(segment: Tracks) -> tuple[np.ndarray]:
    return (segment.read(0),)


def _digest(segments: Tracks) -> str:
    """A name for which segments these are."""
    columns = (segments.track_id, segments.offset, segments.length)
    text = repr([column.tolist() for column in columns])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
