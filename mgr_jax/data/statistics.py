"""Statistics that front ends need beforehand: computed once, kept beside the dataset's cache."""

import hashlib
import json
from collections.abc import Callable, Iterator

import numpy as np
from tqdm import tqdm

from mgr_jax.array_files import keep_arrays, load_arrays
from mgr_jax.audio.frontends import Frontend, TrackMeter
from mgr_jax.data.cache import Tracks

_FORMAT = 1  # to be raised when front ends give other numbers for the same settings


def track_statistics(
    frontend: Frontend, tracks: Tracks, *, progress: bool = False
) -> dict[str, np.ndarray]:
    """The statistics of each track that its clips need as `aux`: [tracks, ...] by name.

    Args:
      frontend: the front end.
      tracks: tracks of a split.
      progress: show a bar while they are computed.
    """
    if not frontend.aux_shapes:
        return {}

    def measure() -> dict[str, np.ndarray]:
        meter = TrackMeter(frontend)
        rows = [meter.measure_track(track) for track in _read(tracks, progress)]
        return {name: np.stack([row[name] for row in rows]) for name in meter.names}

    return _cached(measure, "track", frontend, tracks)


def dataset_statistics(
    frontend: Frontend, tracks: Tracks, *, progress: bool = False
) -> dict[str, np.ndarray]:
    """The statistics of a training split by which a classifier is initialised, by name.

    Args:
      frontend: the front end.
      tracks: tracks of the split.
      progress: show a bar while they are computed.
    """
    if not frontend.dataset_shapes(tracks.item_shape):
        return {}

    def measure() -> dict[str, np.ndarray]:
        return TrackMeter(frontend)(lambda: _read(tracks, progress))

    return _cached(measure, "dataset", frontend, tracks)


def _read(tracks: Tracks, progress: bool) -> Iterator[np.ndarray]:
    bar = f"statistics of {tracks.split}"
    return map(tracks.read, tqdm(range(len(tracks)), bar, disable=None if progress else True))


def _cached(
    measure: Callable[[], dict[str, np.ndarray]], kind: str, frontend: Frontend, tracks: Tracks
) -> dict[str, np.ndarray]:
    names = [
        _FORMAT,
        kind,
        repr(frontend.clone(axis_name=None)),
        tracks.track_id.tolist(),
        tracks.offset.tolist(),
        tracks.length.tolist(),
    ]
    digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]
    path = tracks.files[0].parent / f"statistics-{digest}.npz"
    found = load_arrays(path)
    if not found:
        found = measure()
        keep_arrays(path, **found)
    return found
