"""The data of a run: the tracks of its splits, by the config's protocol, and their loaders."""

import dataclasses
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import psutil
from jax.experimental import multihost_utils
from ml_collections import ConfigDict

from mgr_jax.audio.frontends import Frontend
from mgr_jax.data.cache import Tracks, join_tracks, open_tracks
from mgr_jax.data.loader import Loader
from mgr_jax.data.locate import find_dataset
from mgr_jax.data.parts import DIVIDED, divide, require_consent
from mgr_jax.data.prepared import read_account
from mgr_jax.data.published import copies_of_scored, copies_sentence
from mgr_jax.data.resident import ResidentLoader, resident_bytes
from mgr_jax.data.splits import SPLITS
from mgr_jax.data.statistics import track_statistics
from mgr_jax.data.streaming import StreamingLoader
from mgr_jax.errors import UserError
from mgr_jax.evaluation.protocol import Protocol
from mgr_jax.files import expand
from mgr_jax.integrity import read_sealed

# Share of a device's free memory; the rest is for the network and its intermediates.
_RESIDENT_SHARE = 0.5


def open_run_splits(config: ConfigDict, *, progress: bool = False) -> dict[str, Tracks]:
    """Opens the splits "train" and "validation" of a run; see `open_split`.

    It warns of training tracks that are copies of scored ones.

    Args:
      config: config of the run.
      progress: show bars while the cache of the dataset is built.

    Returns:
      Tracks by split.
    """
    splits = {name: open_split(config, name, progress=progress) for name in ("train", "validation")}
    if copies := copies_of_scored(splits["train"].track_id.tolist()):
        warnings.warn(copies_sentence(copies), stacklevel=3)
    return splits


def tell_short_tracks(splits: Mapping[str, Tracks], clip_samples: int, how_filled: str) -> None:
    """Warns of tracks that are shorter than a clip.

    Args:
      splits: tracks by split.
      clip_samples: length of a clip in time steps.
      how_filled: what happens to them, for the message.
    """
    for name, tracks in splits.items():
        if short := int((tracks.length < clip_samples).sum()):
            warnings.warn(
                f"{short} of {len(tracks)} {name} tracks are shorter than config.clip_samples; "
                f"{how_filled}",
                stacklevel=3,
            )


def open_split(config: ConfigDict, split: str, *, progress: bool = False) -> Tracks:
    """Opens a split of the config's dataset, as config.protocol divides it.

    Tracks that the task cannot use, without a genre or without tags, are left out. With
    `row_random` each clip becomes a track, so that clips of one track may be in different splits.

    Args:
      config: config of the run.
      split: "train", "validation" or "test".
      progress: show bars while the cache of the dataset is built.

    Returns:
      The tracks.

    Raises:
      UserError: no such dataset or split, or none of its tracks can be used.
    """
    options = config.protocol
    require_consent(options.name, options.i_know_this_leaks)
    folder = _find(config)
    if options.name == "dataset":
        return usable_tracks(open_tracks(folder, split, progress=progress), config.task)
    pool, parts, account = divide(*open_pool(folder, config.task, progress=progress), config)
    if split not in parts:
        there = [name for name in SPLITS if name in parts]
        raise UserError(
            f"the protocol {options.name} leaves no {split} tracks of {config.dataset}; there are "
            f"{', '.join(there)}",
            code="protocol.empty_split",
        )
    tracks = pool.select(parts == split, split)
    return dataclasses.replace(tracks, account=tracks.account | account)


def scored_split(workdir: Path) -> str:
    """The split that a run's protocol scores: test, or validation if there is no test."""
    return next_split(read_run_account(workdir))


def read_run_account(workdir: Path) -> dict[str, Any]:
    """The protocol.json of the dataset that a run was trained on, as the run keeps it.

    Raises:
      UserError: it is missing or damaged.
    """
    path, advice = workdir / "dataset.json", "restore it, or train again in another folder"
    account = read_sealed(path, advice)
    for name in ("tracks", "format"):
        if not isinstance(account.get(name, {}), dict):
            raise UserError(
                f"{path} is damaged ({name} is {account[name]!r}); {advice}", code="file.damaged"
            )
    if "tracks" not in account:
        raise UserError(f"{path} is damaged (tracks is missing); {advice}", code="file.damaged")
    return account


def next_split(account: Mapping[str, Any]) -> str:
    """The split that a dataset with this account is scored on: test, or else validation."""
    return "test" if "test" in account["tracks"] else "validation"


def _find(config: ConfigDict) -> Path:
    data_dir = expand(config.data_dir) if config.data_dir else None
    return find_dataset(config.dataset, sample_rate=config.sample_rate, data_dir=data_dir)


def usable_tracks(tracks: Tracks, task: str) -> Tracks:
    """The tracks that a task can use: those with a genre, or with tags.

    Raises:
      UserError: there are none.
    """
    target_names(tracks, task)
    usable = tracks.label >= 0 if task == "single_label" else tracks.tags.any(axis=1)
    if not usable.any():
        raise UserError(
            f"no track of the {tracks.split} split at {tracks.files[0].parent} has a genre or tag "
            "to learn; prepare another dataset",
            code="split.no_labels",
        )
    return tracks if usable.all() else tracks.select(usable)


def open_pool(folder: Path, task: str, *, progress: bool = False) -> tuple[Tracks, np.ndarray]:
    """All tracks of a prepared dataset that a task can use, and the split of each.

    Args:
      folder: folder of the dataset.
      task: "single_label" or "multi_label".
      progress: show bars while the cache is built.
    """
    names = read_account(folder)["tracks"]
    splits = [usable_tracks(open_tracks(folder, name, progress=progress), task) for name in names]
    return join_tracks(splits, "pool"), np.repeat(list(names), list(map(len, splits)))


def dataset_tracks(config: ConfigDict, *, progress: bool = False) -> list[str]:
    """Names of all tracks of the config's dataset, in any split or none."""
    return open_pool(_find(config), config.task, progress=progress)[0].track_id.tolist()


def protocol_of(
    tracks: Tracks, clip_samples: int | None = None, *, seed: int | None = None
) -> Protocol:
    """The protocol by which a split was made, and what is scored of its tracks.

    Args:
      tracks: result of `open_split`.
      clip_samples: time steps of a segment; None: whole tracks are classified.
      seed: seed of what was fitted.
    """
    made = tracks.account
    if DIVIDED in made:
        protocol = Protocol.from_dict(made[DIVIDED])
    else:
        known = any(tracks.artist_id)
        origin = f"{'- and '.join(made['split_by'])}-disjoint split"
        if made["given"]:
            origin = (
                f"{made['splits']} splits" if "splits" in made else f"{origin} given by the index"
            )
        protocol = Protocol(
            name="dataset",
            origin=origin,
            seeds=() if seed is None else (seed,),
            crossing_artists=made.get("artists_in_several_splits") if known else None,
            unknown_artists=made.get("unknown", {}).get("artist", 0) if known else None,
        )
    if clip_samples is None:
        return protocol
    return dataclasses.replace(protocol, segments=f"segments of {clip_samples / tracks.rate:.3g} s")


def target_names(tracks: Tracks, task: str) -> tuple[str, ...]:
    """Names of the classes (single_label) or tags (multi_label) of a dataset.

    Raises:
      UserError: the dataset has no tags.
    """
    if task == "single_label":
        return tracks.classes
    if not tracks.tag_names:
        raise UserError(
            f"the dataset at {tracks.files[0].parents[2]} has no tags; use "
            "config.task=single_label or a dataset with tags",
            code="task.no_tags",
        )
    return tracks.tag_names


def class_counts(tracks: Tracks, task: str) -> np.ndarray:
    """Tracks per class or tag, [classes]."""
    if task == "single_label":
        return np.bincount(tracks.label, minlength=len(tracks.classes))
    return tracks.tags.sum(axis=0)


def make_loader(
    config: ConfigDict,
    tracks: Tracks,
    frontend: Frontend,
    kind: type[Loader] = StreamingLoader,
    side: Mapping[str, np.ndarray] | None = None,
    *,
    mask_filling: bool = False,
    progress: bool = False,
) -> Loader:
    """Makes this process's loader of a split, for the clips that a front end takes.

    Args:
      config: config of the run.
      tracks: tracks of the split.
      frontend: the front end.
      kind: class of the loader.
      side: further inputs of the tracks, see `encode_tracks`.
      mask_filling: see `InputSpec`.
      progress: show a bar while statistics are computed.

    Returns:
      The loader.
    """
    return kind(
        tracks,
        clip_samples=config.clip_samples,
        batch_size=config.batch_size,
        task=config.task,
        short_clip=config.short_clip,
        mask_filling=mask_filling,
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
    mask_filling: bool = False,
    progress: bool = False,
) -> dict[str, Loader]:
    """Makes the loaders of a run: resident on the devices, or streaming (config.loader).

    "auto" keeps data on accelerators if they fit. On a CPU they are in memory anyway.

    Args:
      config: config of the run.
      splits: tracks by split.
      frontend: the front end.
      side: further inputs by split, see `encode_tracks`.
      mask_filling: see `InputSpec`.
      progress: show a bar while statistics are computed.

    Returns:
      Loaders by split.

    Raises:
      UserError: the loader should be resident, but the data do not fit.
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
            "use config.loader=streaming",
            code="loader.too_large",
        )
    on_accelerator = jax.default_backend() != "cpu"
    resident = config.loader == "resident" or (config.loader == "auto" and on_accelerator and fits)
    kind = ResidentLoader if resident else StreamingLoader
    told = {"mask_filling": mask_filling, "progress": progress}
    return {
        name: make_loader(config, tracks, frontend, kind, (side or {}).get(name), **told)
        for name, tracks in splits.items()
    }


def _free_memory() -> float:
    """Free bytes on each local device."""
    statistics = [device.memory_stats() for device in jax.local_devices()]
    if None in statistics:  # CPU devices share the host's memory, and each holds a copy
        # ... beside the one that is copied.
        return psutil.virtual_memory().available / (len(statistics) + 1)
    return min(s["bytes_limit"] - s["bytes_in_use"] for s in statistics)
