"""Divides tracks into training and scored ones, by the name of a protocol.

See `evaluation.protocol`. Every published list is also a protocol by its name, such as
`fault_filtered`; see `data.published`.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from mgr_jax.data.cache import Tracks
from mgr_jax.data.published import assign_published, list_names
from mgr_jax.data.splits import SPLITS, assign_splits, crossing, join_groups
from mgr_jax.errors import UserError, unknown_name
from mgr_jax.evaluation.protocol import KFOLDS, LEAK_OF_ROWS, LEAKING, Protocol

FIXED = ("dataset", "official", *list_names())
PROTOCOLS = (*FIXED, *KFOLDS)
DIVIDED = "divided"  # key of an account: how config.protocol divided the tracks


@dataclass(frozen=True)
class Units:
    """The items to divide: tracks, or their rows (segments).

    Each field holds a text per item, "" if unknown.

    Attributes:
      track: name of the track; several rows may be of one.
      genre: genre, by which folds are stratified.
      artist: artist.
      identical: a common name for items of the same content, which stay together.
      split: its split in the dataset or the file.
      together: further columns, whose values `dataset_kfold` keeps in one fold.
    """

    track: Sequence[str]
    genre: Sequence[str]
    artist: Sequence[str]
    identical: Sequence[str]
    split: Sequence[str]
    together: Sequence[Sequence[str]] = ()


def is_kfold(name: str) -> bool:
    """Whether a protocol has folds.

    Raises:
      UserError: there is no protocol of this name.
    """
    if name not in PROTOCOLS:
        raise unknown_name("protocol", name, [p for p in PROTOCOLS if p not in LEAKING])
    return name in KFOLDS


def require_consent(name: str, i_know_this_leaks: bool) -> None:
    """Checks that a leaking protocol is used on purpose.

    Raises:
      UserError: the protocol leaks, and there is no consent.
    """
    if name in LEAKING and not i_know_this_leaks:
        raise UserError(
            f"the protocol {name} leaks: segments of one track and tracks of one artist are on "
            "both sides, so scores are too high; choose stratified_kfold or artist_kfold, or "
            "consent (i_know_this_leaks) to measure by how much",
            code="protocol.leaks",
        )


def is_published(made: Mapping[str, Any]) -> bool:
    """Whether the splits in a dataset's protocol.json are published ones."""
    return made.get("splits") in ("official", *list_names())


def require_folds(name: str, folds: int, fold: int, parts: int) -> None:
    """Checks the numbers of folds and parts.

    Args:
      name: name of the protocol.
      folds: number of folds.
      fold: the scored fold.
      parts: 2 or 3, see `assign_parts`.

    Raises:
      UserError: they do not fit together.
    """
    if parts not in (2, 3):
        raise UserError(
            f"a protocol has {parts} parts; choose 3 (train, validation, test) or 2 (no test: the "
            "validation part is what is scored)",
            code="protocol.wrong_parts",
        )
    if is_kfold(name) and not max(parts, fold + 1) <= folds:
        raise UserError(
            f"the protocol {name} has fold {fold} of {folds}; with {parts} parts there must be at "
            f"least {parts} folds, which count from 0",
            code="protocol.wrong_fold",
        )


def assign_parts(
    name: str,
    units: Units,
    *,
    folds: int = 5,
    fold: int = 0,
    parts: int = 3,
    seed: int = 0,
    splits: Sequence[str] = SPLITS,
) -> np.ndarray:
    """Assigns each item to training, validation or test.

    Args:
      name: name of the protocol.
      units: the items to divide.
      folds: number of folds; at least the number of parts.
      fold: the fold that is scored.
      parts: 3: the fold is "test" and the next one, which chooses the checkpoint, "validation";
        2: the fold is "validation" and there is no "test".
      seed: seed of the division into folds.
      splits: only items of these splits of the dataset are divided into folds.

    Returns:
      "train", "validation", "test" or "" (left out), [units]; equal arguments give equal parts.

    Raises:
      UserError: an unknown protocol, too few folds, or items that cannot be divided this way.
    """
    require_folds(name, folds, fold, parts)
    if name in list_names():
        return np.array(assign_published(name, units.track)[0])
    if not is_kfold(name):
        return np.array(units.split)
    number = fold_numbers(name, units, folds=folds, seed=seed, splits=splits)
    validation = fold if parts == 2 else (fold + 1) % folds
    result = np.where(number < 0, "", "train").astype("U10")
    result[number == validation] = "validation"
    if parts == 3:
        result[number == fold] = "test"
    return result


def fold_numbers(
    name: str, units: Units, *, folds: int, seed: int = 0, splits: Sequence[str] = SPLITS
) -> np.ndarray:
    """The fold of each item [units], -1 outside of `splits`; see `assign_parts`.

    Args:
      name: name of the protocol.
      units: the items to divide.
      folds: number of folds.
      seed: seed of the division.
      splits: splits of the dataset that are divided.

    Raises:
      UserError: no item is in these splits, or they cannot be divided.
    """
    rows = [i for i, split in enumerate(units.split) if not split or split in splits]
    if not rows:
        raise UserError(
            f"none of the {len(units.track)} items is in {', '.join(splits)}",
            code="protocol.empty_split",
        )
    columns, group = _kept_together(name, units)
    chosen = [[column[i] for i in rows] for column in columns]
    assigned = assign_splits(
        [units.genre[i] or "no genre" for i in rows],
        join_groups(chosen) if chosen else [str(i) for i in range(len(rows))],
        fractions={str(fold): 1 / folds for fold in range(folds)},
        seed=seed,
        group_name=group,
        part_name="fold",
        advice="make fewer folds",
    )
    result = np.full(len(units.track), -1)
    result[rows] = np.array(assigned, int)
    return result


def _kept_together(name: str, units: Units) -> tuple[list[Sequence[str]], str]:
    """The columns whose values stay in one fold, and the name of their groups."""
    if name == "row_random":
        return [], "row"
    columns = [units.track, units.identical]
    if name == "stratified_kfold":
        return columns, "track"
    if name == "dataset_kfold":
        return [*columns, *units.together], "group" if units.together else "track"
    if 2 * unknown_artists(units) > len(units.artist):
        raise UserError(
            f"the protocol artist_kfold needs artists, and those of {unknown_artists(units)} of "
            f"{len(units.artist)} items are unknown; give an index of artists, or "
            "choose stratified_kfold",
            code="artists.unknown",
        )
    return [*columns, units.artist], "artist"


def artists_parted(units: Units, parts: Sequence[str]) -> int | None:
    """Number of artists on several sides; None if no artists are known."""
    if not any(units.artist):
        return None
    known = [artist if part else "" for artist, part in zip(units.artist, parts, strict=True)]
    return len(crossing(known, parts))


def unknown_artists(units: Units) -> int:
    """Number of items without a known artist, which folds by artist cannot keep together."""
    return sum(not artist for artist in units.artist)


def told_of_artists(units: Units, sides: Sequence[str]) -> dict[str, Any]:
    """The fields of a `Protocol` that describe artists, by name."""
    known = any(units.artist)
    return {
        "crossing_artists": artists_parted(units, sides),
        "unknown_artists": unknown_artists(units) if known else None,
    }


def make_protocol(
    name: str,
    units: Units,
    sides: Sequence[str],
    *,
    folds: int = 5,
    fold: int | None = 0,
    parts: int = 3,
    seed: int = 0,
    splits: Sequence[str] = SPLITS,
) -> Protocol:
    """The record of a division by `assign_parts`, with its effect on artists.

    Args:
      name: name of the protocol.
      units: the divided items.
      sides: side of each item; for folds their number, so that all folds are described alike; ""
        for left-out items.
      folds: number of folds.
      fold: the scored fold; None: all of them.
      parts: see `assign_parts`.
      seed: seed of the division.
      splits: splits of the dataset that were divided.
    """
    leaking = name in LEAKING
    by_fold: dict[str, Any] = {}
    if is_kfold(name):
        by_fold = {"folds": folds, "fold": fold, "parts": parts, "splits": tuple(splits)}
    return Protocol(
        name=name,
        **by_fold,
        seeds=(seed,),
        unit="segment" if leaking else "track",
        **told_of_artists(units, sides),
        leaks=(LEAK_OF_ROWS,) if leaking else (),
    )


def divide(
    pool: Tracks, of_split: np.ndarray, config: ConfigDict
) -> tuple[Tracks, np.ndarray, dict[str, Any]]:
    """Divides the tracks of a dataset, or their clips, by config.protocol.

    Args:
      pool: all tracks that the task can use.
      of_split: [tracks] the dataset's own split of each.
      config: config of the run.

    Returns:
      The tracks, or their clips; the part of each; and the account's entries, with the record of
      the protocol as `DIVIDED`.

    Raises:
      UserError: the dataset has no published splits, or cannot be divided this way.
    """
    options = config.protocol
    if options.name == "official" and not is_published(pool.account):
        raise UserError(
            f"the protocol official takes published splits, but those of {config.dataset} were "
            "made when it was prepared; use dataset",
            code="protocol.not_published",
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
    told = {DIVIDED: made.as_dict(), "artists_in_several_splits": artists, "tracks": tracks}
    return pool, parts, told


def make_units(pool: Tracks, of_split: Sequence[str]) -> Units:
    """The fields of tracks that protocols need; see `open_pool`."""
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
    """The columns whose values `dataset_kfold` keeps in one fold.

    They are those of the dataset's own splits; the artist, if splits were published by track and
    artists are known.
    """
    made = pool.account
    published = made["split_by"] == ["track"] and made["given"]
    return ["artist"] if published and any(pool.artist_id) else made["split_by"]
