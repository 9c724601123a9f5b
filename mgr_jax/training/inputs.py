"""From a config to the data of a split."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np
import psutil
from jax.experimental import multihost_utils
from ml_collections import ConfigDict

from mgr_jax.audio.frontends import Frontend
from mgr_jax.classifier import FeatureFormat
from mgr_jax.data.cache import Tracks, join_tracks, open_tracks
from mgr_jax.data.folds import assign_folds, fold_columns
from mgr_jax.data.loader import Loader
from mgr_jax.data.locate import find_dataset
from mgr_jax.data.resident import ResidentLoader, resident_bytes
from mgr_jax.data.streaming import StreamingLoader
from mgr_jax.errors import UserError
from mgr_jax.training.statistics import track_statistics

# Of a device's free memory; the rest is for the network and its intermediates.
_RESIDENT_SHARE = 0.5


def open_split(config: ConfigDict, split: str) -> Tracks:
    """Opens a split of the config's dataset, or of its cross-validation.

    Tracks that the task cannot use, without a genre or without tags, are left out.

    Raises:
      UserError: no such dataset or split, or none of its tracks can be used.
    """
    data_dir = Path(config.data_dir).expanduser() if config.data_dir else None
    folder = find_dataset(config.dataset, sample_rate=config.sample_rate, data_dir=data_dir)
    if config.cross_validation.folds:
        return _open_fold(config, folder, split)
    return usable_tracks(open_tracks(folder, split), config.task)


def usable_tracks(tracks: Tracks, task: str) -> Tracks:
    """The tracks that a task can use: those with a genre, or with tags; raises if none has."""
    target_names(tracks, task)
    usable = tracks.label >= 0 if task == "single_label" else tracks.tags.any(axis=1)
    if not usable.any():
        raise UserError(
            f"no track of the {tracks.split} split at {tracks.files[0].parent} has a genre or tag "
            "to learn; prepare another dataset"
        )
    return tracks if usable.all() else tracks.select(usable)


def _open_fold(config: ConfigDict, folder: Path, split: str) -> Tracks:
    options = config.cross_validation
    parts = [usable_tracks(open_tracks(folder, name), config.task) for name in options.splits]
    pool = join_tracks(parts, "pool")
    numbers = assign_folds(pool, folds=options.folds, seed=config.seed)
    validation = (options.fold + 1) % options.folds
    rows = {
        "test": numbers == options.fold,
        "validation": numbers == validation,
        "train": (numbers != options.fold) & (numbers != validation),
    }
    if split not in rows:
        raise UserError(f"there is no split '{split}'; choose one of {', '.join(rows)}")
    return pool.select(rows[split], split)


def make_loader(
    config: ConfigDict,
    tracks: Tracks,
    frontend: Frontend,
    kind: type[Loader] = StreamingLoader,
) -> Loader:
    """Makes this process's loader of a split, for the clips that a front end takes."""
    return kind(
        tracks,
        clip_samples=config.clip_samples,
        batch_size=config.batch_size,
        task=config.task,
        short_clip=config.short_clip,
        sampling=config.sampling,
        crop=frontend.crop,
        aux=track_statistics(frontend, tracks),
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )


def make_loaders(
    config: ConfigDict, splits: Mapping[str, Tracks], frontend: Frontend
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
    return {name: make_loader(config, tracks, frontend, kind) for name, tracks in splits.items()}


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
    return FeatureFormat(tracks.item_shape, tracks.dtype, tracks.rate)


def target_names(tracks: Tracks, task: str) -> tuple[str, ...]:
    """Names of the classes (single_label) or tags (multi_label) that a dataset can teach.

    Raises:
      UserError: the dataset has no tags.
    """
    if task == "single_label":
        return tracks.classes
    if not tracks.tag_names:
        raise UserError(
            f"the dataset at {tracks.files[0].parents[2]} has no tags; use "
            "config.task=single_label or a dataset with tags"
        )
    return tracks.tag_names


def class_counts(tracks: Tracks, task: str) -> np.ndarray:
    """Tracks per class or tag, [classes]."""
    if task == "single_label":
        return np.bincount(tracks.label, minlength=len(tracks.classes))
    return tracks.tags.sum(axis=0)


def describe_protocol(
    tracks: Tracks, clip_samples: int | None = None, *, cross_validation: ConfigDict | None = None
) -> str:
    """Says in one sentence how a split was made and how its tracks are scored."""
    made = tracks.protocol
    if cross_validation and cross_validation.folds:
        options = cross_validation
        by = "- and ".join(fold_columns(made))
        text = (
            f"{by}-disjoint cross-validation over {', '.join(options.splits)}, fold "
            f"{options.fold} of {options.folds} folds"
        )
    else:
        text = f"{'- and '.join(made['split_by'])}-disjoint split"
        if made["given"]:
            text = f"{made['splits']} splits" if "splits" in made else f"{text} given by the index"
        if crossing := made["artists_in_several_splits"]:
            text += f" with {crossing} artists on several sides"
    if clip_samples is None:
        return f"{text}, whole tracks"
    return f"{text}, segments of {clip_samples / tracks.rate:.3g} s, mean probability"
