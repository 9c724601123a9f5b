"""Protocols by name: who is trained on and who is scored, whatever the dataset and the model.

`dataset` takes the splits as the dataset was prepared, `official` the same where they are
published ones; every published list is a protocol by its name, such as `fault_filtered` (see
`mgr_jax.data.published`). The others divide all items into folds,
stratified by genre: `stratified_kfold` keeps the parts of a track together, `artist_kfold` those of
an artist, `dataset_kfold` what the dataset's own splits keep together. `row_random` shuffles rows,
that is segments, whatever they were cut from: it leaks, and is there to show what leaking is worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mgr_jax.data.published import assign_published, list_names
from mgr_jax.data.splits import SPLITS, assign_splits, crossing, join_groups
from mgr_jax.errors import UserError, unknown_name

FIXED = ("dataset", "official", *list_names())
KFOLDS = ("stratified_kfold", "artist_kfold", "dataset_kfold", "row_random")
PROTOCOLS = (*FIXED, *KFOLDS)
LEAKING = ("row_random",)


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
            "add --i_know_this_leaks to measure by how much"
        )


def is_published(made: Mapping[str, Any]) -> bool:
    """Whether the splits that a dataset's protocol.json tells of are published ones."""
    return made.get("splits") in ("official", *list_names())


def leak_mark(name: str) -> str:
    """What to print behind a number of a leaking protocol; empty for others."""
    return f" ({name} LEAKS)" if name in LEAKING else ""


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
            f"{len(units.artist)} items are unknown; give an index of artists (--artists), or "
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


def describe(
    name: str,
    *,
    folds: int = 5,
    fold: int | None = 0,
    parts: int = 3,
    seed: int = 0,
    splits: Sequence[str] = SPLITS,
    artists: int | None = None,
    unknown: int = 0,
) -> str:
    """Says in a few words how the sides were made, for every place where a result is shown.

    Args:
      name: of the protocol.
      folds: how many.
      fold: the one that is scored; None: all of them.
      parts: see `assign_parts`.
      seed: of the division.
      splits: of the dataset that were divided.
      artists: how many stand on several sides; see `artists_parted`.
      unknown: how many items have no known artist; told where artists are kept apart.
    """
    text = name
    if name in LEAKING:
        text += " (LEAKS: rows of one track or artist stand on both sides)"
    if is_kfold(name):
        text += f", {f'fold {fold} of' if fold is not None else 'all'} {folds} folds"
        if set(splits) != set(SPLITS):
            text += f" of {' and '.join(splits)}"
        text += f", fitted on {folds + 1 - parts}, seed {seed}"
    return text if name in LEAKING else text + describe_artists(artists, unknown)


def describe_artists(crossing: int | None, unknown: int) -> str:
    """What is to be told of artists behind the name of a protocol; empty if all is well."""
    told = []
    if crossing:
        told.append(f"{crossing} artist{'s' if crossing > 1 else ''} on several sides")
    if crossing is not None and unknown:
        told.append(f"{unknown} item{'s' if unknown > 1 else ''} of unknown artist")
    return f", with {' and '.join(told)}" if told else ""
