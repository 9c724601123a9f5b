"""Features of the segments of prepared tracks, computed once and kept beside the dataset."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mgr_jax.data.cache import Tracks
from mgr_jax.errors import UserError, unknown_name
from mgr_jax.features.extract import RECIPES, find_recipe
from mgr_jax.features.random_projection import HOP_LENGTH, log_mel, project
from mgr_jax.files import keep_arrays, load_arrays
from mgr_jax.workers import Failure, map_in_processes

OF_PICTURES = ("bin_statistics", "random_projection")
OF_AUDIO = (*RECIPES, "random_projection")

_FORMAT = 1  # raise it when features come to be other numbers
_SAMPLES_FOR_WORKERS = 20_000_000  # below, processes take longer to start than to be of use


def bin_statistics(picture: np.ndarray) -> np.ndarray:
    """How the bins of a picture are distributed over time.

    Args:
      picture: [frames, bins(, channels)], of one frame or more.

    Returns:
      [3 * bins * channels] float64: means, standard deviations, and mean absolute differences from
      frame to frame (0 for a single frame).
    """
    frames = picture.reshape(len(picture), -1).astype(np.float64)
    steps = np.abs(np.diff(frames, axis=0, prepend=frames[:1])).sum(axis=0)
    changes = steps / max(1, len(frames) - 1)
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0), changes])


def describe_pictures(
    pictures: Iterable[np.ndarray], features: str, *, frames: int, components: int
) -> np.ndarray:
    """Features [pictures, columns] of pictures [frames, bins(, channels)], see OF_PICTURES."""
    if features not in OF_PICTURES:
        raise unknown_name("description of arrays", features, OF_PICTURES)
    if features == "random_projection":
        return project(pictures, frames=frames, components=components)
    return np.stack([bin_statistics(picture) for picture in pictures])


def describe_segments(
    segments: Tracks,
    features: str,
    cache: Path,
    *,
    steps: int = 0,
    components: int = 256,
    workers: int | None = None,
) -> np.ndarray:
    """Features of segments, from the cache if they are there.

    Args:
      segments: see `Tracks.cut`; whole tracks are their own segments.
      features: one of OF_AUDIO for waveforms (`fma518` in its corrected form, as their rate is the
        dataset's), of OF_PICTURES for arrays.
      cache: file, ending in .npz, to be made.
      steps: time steps that are projected at random of every segment; equal for all splits, as
        each number has its own projection.
      components: of the random projection.
      workers: processes; None starts some where there is much to do.

    Returns:
      [segments, columns] float32; a row of NaN where a segment has no features, as in silence.

    Raises:
      UserError: there are no such features, or no segment has any.
    """
    known = OF_AUDIO if segments.kind == "waveform" else OF_PICTURES
    if features not in known:
        raise unknown_name(f"description of {segments.kind}s", features, known)
    stored = load_arrays(cache)
    if stored.get("format") == _FORMAT and len(stored["values"]) == len(segments):
        return stored["values"]
    alone = [
        # The account can be long, and would travel to the workers with every segment.
        dataclasses.replace(segments.select([row]), account={})
        for row in range(len(segments))
    ]
    if segments.kind != "waveform":
        pictures = (segment.read(0) for segment in alone)
        values = describe_pictures(pictures, features, frames=steps, components=components)
    else:
        values = _of_audio(segments, alone, features, steps, components, workers)
    values = values.astype(np.float32)
    keep_arrays(cache, values=values, format=np.array(_FORMAT))
    return values


def _compute(compute: Callable[[np.ndarray, int], np.ndarray], segment: Tracks) -> np.ndarray:
    try:
        values = compute(segment.read(0).astype(np.float32) / 32768.0, int(segment.rate))
    except Exception as error:  # what odd audio does to a library costs this segment, not the run
        raise UserError(f"{type(error).__name__}: {error}") from error
    if not np.isfinite(values).all():
        raise UserError("not all of them are finite numbers")
    return values


def _of_audio(
    segments: Tracks,
    alone: list[Tracks],
    features: str,
    steps: int,
    components: int,
    workers: int | None,
) -> np.ndarray:
    if workers is None:
        workers = (os.cpu_count() or 1) if segments.length.sum() > _SAMPLES_FOR_WORKERS else 0
    compute: Callable[[np.ndarray, int], np.ndarray] = log_mel
    columns = components
    if features != "random_projection":
        recipe = find_recipe(features, corrected=features == "fma518")
        compute, columns = recipe.compute, len(recipe.columns)
    results = map_in_processes(functools.partial(_compute, compute), alone, workers=workers)
    bar = tqdm(results, f"{features} of {segments.split}", total=len(alone), unit="segment")
    failures: list[str] = []

    def succeeded() -> Iterator[np.ndarray]:
        for segment, result in bar:
            if isinstance(result, Failure):
                failures.append(f"{segment.track_id[0]}: {result.reason}")
                result = np.full(columns, np.nan)
            yield result
        if len(failures) == len(alone):
            raise UserError(f"no segment has {features}; of the first, {failures[0]}")

    if features == "random_projection":
        return project(succeeded(), frames=1 + steps // HOP_LENGTH, components=components)
    return np.stack(list(succeeded()))
