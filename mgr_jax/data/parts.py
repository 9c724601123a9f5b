"""Who is trained on and who is scored, by the name of a protocol; see `evaluation.protocol`.

Every published list is a protocol by its name, such as `fault_filtered`; see `data.published`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mgr_jax.data.published import assign_published, list_names
from mgr_jax.data.splits import SPLITS, assign_splits, crossing, join_groups
from mgr_jax.errors import UserError, unknown_name
from mgr_jax.evaluation.protocol import KFOLDS, LEAK_OF_ROWS, LEAKING, Protocol

FIXED = ("dataset", "official", *list_names())
PROTOCOLS = (*FIXED, *KFOLDS)


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
            "consent (i_know_this_leaks) to measure by how much"
        )


def is_published(made: Mapping[str, Any]) -> bool:
    """Whether the splits that a dataset's protocol.json tells of are published ones."""
    return made.get("splits") in ("official", *list_names())


def require_folds(name: str, folds: int, fold: int, parts: int) -> None:
    """Raises a UserError for numbers of folds that make no protocol."""
    if parts not in (2, 3):
        raise UserError(
            f"a protocol has {parts} parts; choose 3 (train, validation, test) or 2 (no test: the "
            "validation part is what is scored)"
        )
    if is_kfold(name) and not max(parts, fold + 1) <= folds:
        raise UserError(
            f"the protocol {name} has fold {fold} of {folds}; with {parts} parts there must be at "
            f"least {parts} folds, which count from 0"
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
        raise UserError(f"none of the {len(units.track)} items is in {', '.join(splits)}")
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
            "choose stratified_kfold"
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
