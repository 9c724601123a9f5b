"""From a config to the tracks of a split, by the config's protocol."""

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from mgr_jax.data.cache import Tracks, join_tracks, open_tracks
from mgr_jax.data.locate import find_dataset
from mgr_jax.data.parts import (
    Units,
    artists_parted,
    assign_parts,
    fold_numbers,
    is_kfold,
    is_published,
    make_protocol,
    require_consent,
)
from mgr_jax.data.splits import SPLITS
from mgr_jax.errors import UserError
from mgr_jax.evaluation.protocol import Protocol

_DIVIDED = "divided"  # beside what protocol.json says: how config.protocol divided the tracks


def open_split(config: ConfigDict, split: str) -> Tracks:
    """Opens a split of the config's dataset, as config.protocol divides it.

    Tracks that the task cannot use, without a genre or without tags, are left out. With
    `row_random` the clips are the tracks, so that each goes its own way.

    Raises:
      UserError: no such dataset or split, or none of its tracks can be used.
    """
    options = config.protocol
    require_consent(options.name, options.i_know_this_leaks)
    folder = _find(config)
    if options.name == "dataset":
        return usable_tracks(open_tracks(folder, split), config.task)
    pool, parts, account = _divide(folder, config)
    if split not in parts:
        there = [name for name in SPLITS if name in parts]
        raise UserError(
            f"the protocol {options.name} leaves no {split} tracks of {config.dataset}; there are "
            f"{', '.join(there)}"
        )
    tracks = pool.select(parts == split, split)
    return dataclasses.replace(tracks, account=tracks.account | account)


def scored_split(workdir: Path) -> str:
    """The split that a run's protocol scores: test, or validation where there is no test."""
    there = json.loads((workdir / "dataset.json").read_text(encoding="utf-8"))["tracks"]
    return "test" if "test" in there else "validation"


def _find(config: ConfigDict) -> Path:
    data_dir = Path(config.data_dir).expanduser() if config.data_dir else None
    return find_dataset(config.dataset, sample_rate=config.sample_rate, data_dir=data_dir)


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


def open_pool(folder: Path, task: str) -> tuple[Tracks, np.ndarray]:
    """All tracks of a prepared dataset that a task can use, and the split that each is in."""
    names = json.loads((folder / "protocol.json").read_text(encoding="utf-8"))["tracks"]
    splits = [usable_tracks(open_tracks(folder, name), task) for name in names]
    return join_tracks(splits, "pool"), np.repeat(list(names), list(map(len, splits)))


def _divide(folder: Path, config: ConfigDict) -> tuple[Tracks, np.ndarray, dict[str, Any]]:
    """All tracks, or their clips; the part of each; what the account says instead."""
    options = config.protocol
    pool, of_split = open_pool(folder, config.task)
    if options.name == "official" and not is_published(pool.account):
        raise UserError(
            f"the protocol official takes published splits, but those of {config.dataset} were "
            "made when it was prepared; use dataset"
        )
    if options.name == "row_random":
        counts = np.maximum(pool.length // config.clip_samples, 1)
        pool, of_split = pool.cut(config.clip_samples), np.repeat(of_split, counts)
    units = make_units(pool, of_split.tolist())
    how: dict[str, Any] = {name: options[name] for name in ("folds", "fold", "parts", "splits")}
    how["seed"] = config.seed
    parts = assign_parts(options.name, units, **how)
    artists = artists_parted(units, parts.tolist())
    sides = parts
    if is_kfold(options.name):
        part = {"folds": options.folds, "seed": config.seed, "splits": options.splits}
        numbers = fold_numbers(options.name, units, **part)
        sides = np.where(numbers < 0, "", numbers.astype(str))
    made = make_protocol(options.name, units, sides.tolist(), **how)
    genres = np.array([*pool.classes, ""])[pool.label]
    tracks = {
        part: dict(Counter(genres[parts == part].tolist())) for part in SPLITS if part in parts
    }
    told = {_DIVIDED: made.as_dict(), "artists_in_several_splits": artists, "tracks": tracks}
    return pool, parts, told


def dataset_tracks(config: ConfigDict) -> list[str]:
    """Names of all tracks of the config's dataset, on whatever side or on none."""
    return open_pool(_find(config), config.task)[0].track_id.tolist()


def make_units(pool: Tracks, of_split: Sequence[str]) -> Units:
    """What a protocol must know of tracks; see `open_pool`."""
    groups = [json.loads(text) for text in pool.groups]

    def column(name: str) -> Sequence[str]:
        if name == "artist":
            return pool.artist_id.tolist()
        return [str(group.get(name, "")) for group in groups]

    return Units(
        track=pool.track_id.tolist(),
        genre=[pool.classes[label] if label >= 0 else "" for label in pool.label],
        artist=pool.artist_id.tolist(),
        identical=column("identical"),
        split=list(of_split),
        together=[column(name) for name in _fold_columns(pool) if name != "track"],
    )


def _fold_columns(pool: Tracks) -> list[str]:
    """The columns that `dataset_kfold` is disjoint in.

    Those that the dataset's own splits are disjoint in; the artist, where splits were published by
    track and artists are known.
    """
    made = pool.account
    published = made["split_by"] == ["track"] and made["given"]
    return ["artist"] if published and any(pool.artist_id) else made["split_by"]


def protocol_of(
    tracks: Tracks, clip_samples: int | None = None, *, seed: int | None = None
) -> Protocol:
    """The protocol by which a split was made, and what is scored of its tracks.

    Args:
      tracks: of `open_split`.
      clip_samples: time steps of a segment; None: whole tracks are classified.
      seed: of what was fitted.
    """
    made = tracks.account
    if _DIVIDED in made:
        protocol = Protocol.from_dict(made[_DIVIDED])
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
            crossing_artists=made["artists_in_several_splits"] if known else None,
            unknown_artists=made.get("unknown", {}).get("artist", 0) if known else None,
        )
    if clip_samples is None:
        return protocol
    return dataclasses.replace(protocol, segments=f"segments of {clip_samples / tracks.rate:.3g} s")


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
