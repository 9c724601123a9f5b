"""Who is trained on and who is scored, by the name of a protocol; see `evaluation.protocol`.

Every published list is a protocol by its name, such as `fault_filtered`; see `data.published`.
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
DIVIDED = "divided"  # in an account: how config.protocol divided the tracks


@dataclass(frozen=True)
class Units:
    """What is divided: tracks, or rows (segments) of them; a sequence of text each, "" unknown.

    Attributes:
      track: name of the track; several rows may be of one.
      genre: by which folds are stratified.
      artist: who plays it.
      identical: a common name for items of the same content, which stay together.
      split: the side on which the dataset or the file has it.
      together: further columns, which `dataset_kfold` does not part.
    """

    track: Sequence[str]
    genre: Sequence[str]
    artist: Sequence[str]
    identical: Sequence[str]
    split: Sequence[str]
    together: Sequence[Sequence[str]] = ()


def is_kfold(name: str) -> bool:
    """Whether a protocol has folds; raises a UserError for a name that is none."""
    if name not in PROTOCOLS:
        raise unknown_name("protocol", name, [p for p in PROTOCOLS if p not in LEAKING])
    return name in KFOLDS


def require_consent(name: str, i_know_this_leaks: bool) -> None:
    """Raises a UserError for a leaking protocol that was not asked for as such."""
    if name in LEAKING and not i_know_this_leaks:
        raise UserError(
            f"the protocol {name} leaks: segments of one track and tracks of one artist stand on "
            "both sides, and scores come out too high; choose stratified_kfold or artist_kfold, or "
            "consent (i_know_this_leaks) to measure by how much",
            code="protocol.leaks",
        )


def is_published(made: Mapping[str, Any]) -> bool:
    """Whether the splits that a dataset's protocol.json tells of are published ones."""
    return made.get("splits") in ("official", *list_names())


def require_folds(name: str, folds: int, fold: int, parts: int) -> None:
    """Raises a UserError for numbers of folds that make no protocol."""
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
    """Says for every unit whether it is trained on or scored.

    Args:
      name: of the protocol.
      units: to divide.
      folds: how many; at least as many as there are parts.
      fold: the one that is scored.
      parts: 3: the fold is "test" and the next one, which chooses the checkpoint, "validation";
        2: the fold is "validation" and there is no "test".
      seed: of the division into folds.
      splits: only units of these splits of the dataset are divided into folds.

    Returns:
      "train", "validation", "test" or "" (left out), [units]; equal arguments give equal parts.

    Raises:
      UserError: an unknown protocol, too few folds, or units that cannot be divided so.
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
    """The fold of each unit [units], -1 outside of `splits`; see `assign_parts`."""
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
    """The columns that folds do not part, and what to call their groups."""
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
    """How many artists stand on several sides; None where nothing is known of artists."""
    if not any(units.artist):
        return None
    known = [artist if part else "" for artist, part in zip(units.artist, parts, strict=True)]
    return len(crossing(known, parts))


def unknown_artists(units: Units) -> int:
    """Of how many items no artist is known, so that folds cannot keep theirs together."""
    return sum(not artist for artist in units.artist)


def told_of_artists(units: Units, sides: Sequence[str]) -> dict[str, Any]:
    """What a `Protocol` tells of artists, by the names of its fields."""
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
    """The record of a division by `assign_parts`, with what it does to artists.

    Args:
      name: of the protocol.
      units: that were divided.
      sides: of each of them; by folds their number, so that all folds are told of alike; "" for
        those left out.
      folds: how many.
      fold: the one that is scored; None: all of them.
      parts: see `assign_parts`.
      seed: of the division.
      splits: of the dataset that were divided.
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
    """Divides the tracks of a dataset, or their clips, as config.protocol says.

    Args:
      pool: all tracks that the task can use.
      of_split: [tracks] the dataset's own split of each.
      config: of the run.

    Returns:
      The tracks, or their clips; the part of each; what the account says of them, with the record
      of the protocol as `DIVIDED`.

    Raises:
      UserError: the dataset has no published splits, or cannot be divided so.
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
