"""From a split to its loaders, and what a classifier must know of it."""

import warnings
from collections.abc import Mapping

import jax
import numpy as np
import psutil
from jax.experimental import multihost_utils
from ml_collections import ConfigDict

from mgr_jax.audio.frontends import Frontend
from mgr_jax.data.cache import Tracks
from mgr_jax.data.loader import Loader
from mgr_jax.data.resident import ResidentLoader, resident_bytes
from mgr_jax.data.statistics import track_statistics
from mgr_jax.data.streaming import StreamingLoader
from mgr_jax.errors import UserError
from mgr_jax.input_spec import FeatureFormat

# Of a device's free memory; the rest is for the network and its intermediates.
_RESIDENT_SHARE = 0.5


def make_loader(
    config: ConfigDict,
    tracks: Tracks,
    frontend: Frontend,
    kind: type[Loader] = StreamingLoader,
    side: Mapping[str, np.ndarray] | None = None,
    *,
    progress: bool = False,
) -> Loader:
    """Makes this process's loader of a split, for the clips that a front end takes.

    `side` is what else goes with the tracks, see `encode_tracks`; `progress` shows a bar where
    something is measured beforehand.
    """
    return kind(
        tracks,
        clip_samples=config.clip_samples,
        batch_size=config.batch_size,
        task=config.task,
        short_clip=config.short_clip,
        sampling=config.sampling,
        crop=frontend.crop,
        aux=track_statistics(frontend, tracks, progress=progress) | dict(side or {}),
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )


def make_loaders(
    config: ConfigDict,
    splits: Mapping[str, Tracks],
    frontend: Frontend,
    side: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    *,
    progress: bool = False,
) -> dict[str, Loader]:
    """Makes the loaders of a run: resident on the devices, or streaming (config.loader).

    "auto" keeps data on accelerators where they fit. A CPU's memory holds them anyway.

    Raises:
      UserError: the loader is to be resident, but the data do not fit.
    """
    needed = sum(
        resident_bytes(tracks, config.clip_samples, frontend.crop.context)
        for tracks in splits.values()
    )
    free = _free_memory()
    fits = needed <= _RESIDENT_SHARE * free
    if jax.process_count() > 1:  # all or none: they run one program
        fits = bool(multihost_utils.process_allgather(np.array(fits)).all())
    if config.loader == "resident" and not fits:
        raise UserError(
            f"config.loader is resident, but the tracks take {needed / 1e9:.2f} GB on every device "
            f"and may take {_RESIDENT_SHARE:.0%} of the {free / 1e9:.2f} GB that are free there; "
            "use config.loader=streaming"
        )
    on_accelerator = jax.default_backend() != "cpu"
    resident = config.loader == "resident" or (config.loader == "auto" and on_accelerator and fits)
    if resident and not on_accelerator and config.steps_per_dispatch > 1:
        warnings.warn(
            "on a CPU convolutions inside a loop are many times slower; set "
            "config.steps_per_dispatch=1, or config.loader=streaming",
            stacklevel=2,
        )
    kind = ResidentLoader if resident else StreamingLoader
    return {
        name: make_loader(config, tracks, frontend, kind, (side or {}).get(name), progress=progress)
        for name, tracks in splits.items()
    }


def _free_memory() -> float:
    """Bytes that are free on each local device."""
    statistics = [device.memory_stats() for device in jax.local_devices()]
    if None in statistics:  # CPU devices share the host's memory, and each holds a copy
        # ... beside the one that is copied.
        return psutil.virtual_memory().available / (len(statistics) + 1)
    return min(s["bytes_limit"] - s["bytes_in_use"] for s in statistics)


def feature_format(tracks: Tracks) -> FeatureFormat | None:
    """What a classifier must know of stored features; None for waveforms."""
    if tracks.kind == "waveform":
        return None
    columns = tuple(tracks.account.get("columns", ()))
    return FeatureFormat(tracks.item_shape, tracks.dtype, tracks.rate, columns)
