"""Splits that cannot leak: groups of tracks (such as an artist's) stay in one split."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from mgr_jax.data import SPLITS
from mgr_jax.errors import UserError

_NAMES = {
    "train": "train", "training": "train",
    "valid": "validation", "validation": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


def split_name(text: str) -> str:
    """The split that a word such as val or Training means; empty if none."""
    return _NAMES.get(text.strip().lower(), "")


def shares(fractions: Sequence[float]) -> dict[str, float]:
    """The share of each split, from those of train, validation and test."""
    return dict(zip(SPLITS, fractions, strict=True))


def assign_splits(
    labels: Sequence[str],
    groups: Sequence[str],
    *,
    fractions: Mapping[str, float],
    seed: int = 0,
    group_name: str = "group",
    part_name: str = "split",
    advice: str = "split by other columns (`split_by`)",
) -> list[str]:
    """Assigns every track to a split, genre by genre, without dividing a group.

    Greedy: groups come in a seeded random order, largest first, and each goes to the split that
    is furthest below its share of the group's genres. Every genre reaches every split.

    Args:
      labels: the genre of each track.
      groups: the group of each track; tracks of one group stay together.
      fractions: share of tracks per split; shares must be positive and sum to 1.
      seed: decides the order of groups of equal size.
      group_name: name of a group, for messages.
      part_name: name of a part, for messages.
      advice: further advice on too few groups, for messages.

    Returns:
      The name of the split of each track.

    Raises:
      UserError: fewer than two genres, or a genre with fewer groups than there are splits.
    """
    if not min(fractions.values()) > 0 or abs(sum(fractions.values()) - 1) > 1e-6:
        raise UserError(
            f"split fractions {dict(fractions)} must be positive and sum to 1; change `fractions`",
            code="split.wrong_fractions",
        )
    if seed < 0:
        raise UserError(f"`seed` is {seed}; it must not be negative", code="argument.out_of_range")
    require_two_genres(labels)
    members: dict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    _require_enough_groups(labels, groups, len(fractions), group_name, part_name, advice)

    rng = np.random.default_rng(seed)
    order = sorted(members)
    rng.shuffle(order)
    order.sort(key=lambda group: -len(members[group]))
    total = Counter(labels)
    assigned = {split: Counter[str]() for split in fractions}
    waiting = Counter(label for group in members for label in {labels[i] for i in members[group]})
    result = [""] * len(labels)
    for group in order:
        counts = Counter(labels[i] for i in members[group])

        def need(split: str, counts: Counter = counts) -> tuple[float, float]:
            # A genre with just enough groups left must go to splits that still lack it.
            urgent = sum(
                not assigned[split][label]
                and waiting[label] <= sum(not assigned[s][label] for s in fractions)
                for label in counts
            )
            below = sum(
                count
                * (fractions[split] - assigned[split][label] / total[label])
                / fractions[split]
                for label, count in counts.items()
            )
            return urgent, below

        split = max(fractions, key=need)
        assigned[split].update(counts)
        waiting.subtract(counts.keys())
        for index in members[group]:
            result[index] = split
    for split, counts in assigned.items():
        if missing := sorted(set(labels) - {label for label in counts if counts[label]}):
            raise UserError(
                f"the {group_name}s cannot be divided so that {part_name} {split} holds "
                f"{', '.join(missing)}; add tracks of other {group_name}s, or {advice}",
                code="split.not_divisible",
            )
    return result


def require_two_genres(labels: Sequence[str]) -> None:
    """Checks that there are at least two genres.

    Raises:
      UserError: there are fewer.
    """
    if len(set(labels)) < 2:
        raise UserError(
            f"all {len(labels)} tracks are of one genre ({', '.join(sorted(set(labels)))}); "
            "a classifier needs at least two genres",
            code="data.one_genre",
        )


def require_given_splits(source: str, splits: Sequence[str]) -> None:
    """Checks that given splits [tracks] have training and validation tracks; test may be missing.

    Args:
      source: where the splits come from, for the message.
      splits: split of each track.

    Raises:
      UserError: one is missing.
    """
    for split in ("train", "validation"):
        if split not in splits:
            raise UserError(
                f"{source} gives no track to {split}; give it some in the column 'split', or "
                "remove the column, so that splits are made",
                code="split.empty",
            )


def _require_enough_groups(
    labels: Sequence[str],
    groups: Sequence[str],
    parts: int,
    group_name: str,
    part_name: str,
    advice: str,
) -> None:
    groups_of = defaultdict(set)
    for label, group in zip(labels, groups, strict=True):
        groups_of[label].add(group)
    tracks = Counter(labels)
    more = "more tracks" if group_name == "track" else f"tracks of other {group_name}s"
    for label in sorted(groups_of):
        found = len(groups_of[label])
        if found < parts:
            alike = f" (of {tracks[label]}, some identical)" if found < tracks[label] else ""
            raise UserError(
                f"genre '{label}' has {found} {group_name}{'s' if found > 1 else ''}"
                f"{alike if group_name == 'track' else ''} but {parts} {part_name}s need one each; "
                f"add {more} to it, leave it out, or {advice}",
                code="split.too_few_groups",
            )


def join_groups(columns: Sequence[Sequence[str]]) -> list[str]:
    """Joins tracks that share a value in any column into one group (union of all columns).

    Args:
      columns: one sequence per column, each with a value per track. An empty value is unknown
        and joins nothing.

    Returns:
      A group name per track: the position of the group's first track, as text.
    """
    parent = list(range(len(columns[0])))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for column in columns:
        first: dict[str, int] = {}
        for index, value in enumerate(column):
            if value:
                a, b = sorted((root(index), root(first.setdefault(value, index))))
                parent[b] = a
    return [str(root(index)) for index in range(len(parent))]


def crossing(groups: Sequence[str], splits: Sequence[str]) -> dict[str, list[str]]:
    """Known groups that are in more than one split, with those splits."""
    found = defaultdict(set)
    for group, split in zip(groups, splits, strict=True):
        if group:
            found[group].add(split)
    return {group: sorted(names) for group, names in sorted(found.items()) if len(names) > 1}
