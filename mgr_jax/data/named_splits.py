"""Named ways to split tracks: by a published list, by track, or by artist."""

import warnings
from collections.abc import Sequence
from typing import Any

from mgr_jax.data.published import assign_published, list_names
from mgr_jax.data.splits import assign_splits, crossing, join_groups, shares
from mgr_jax.errors import UserError, unknown_name


def split_names() -> tuple[str, ...]:
    """The names for `split_tracks`: the published lists, "stratified" and "artist"."""
    return (*list_names(), "stratified", "artist")


def split_tracks(
    track_ids: Sequence[str],
    genres: Sequence[str],
    *,
    splits: str,
    artists: Sequence[str] | None,
    fractions: Sequence[float],
    seed: int,
    identical: Sequence[str],
) -> tuple[list[str], dict[str, Any]]:
    """Splits tracks in a named way.

    Args:
      track_ids: names as in published lists, such as blues.00000.
      genres: genre of each track.
      splits: the name of a published list, such as fault_filtered; "stratified", by track;
        "artist", by artist.
      artists: artist of each track, empty if unknown; None if no artists are known. The artist
        splits need them; for other splits a warning counts the artists in several splits.
      fractions: shares of train, validation and test; not used by the lists.
      seed: seed of the split; not used by the lists.
      identical: a common name for byte-identical files, empty for others. They stay in one split,
        unless a list separates them.

    Returns:
      The split of each track, empty for a track on no list, and the account of it for
      protocol.json.

    Raises:
      UserError: unknown splits, no artists to split by, no track on the lists, or a genre that
        cannot be divided.
    """
    if splits not in split_names():
        raise unknown_name("way to split", splits, split_names())
    if splits == "artist" and artists is None:
        raise UserError(
            "splitting by artist needs to know the artists; give an index of them (`artists`), a "
            "CSV file with the columns track and artist, or for GTZAN index.txt of "
            "https://github.com/boblsturm/GTZAN",
            code="artists.unknown",
        )
    names = artists or [""] * len(track_ids)
    if splits in list_names():
        assigned, made = assign_published(splits, track_ids)
    else:
        by = "artist" if splits == "artist" else "track"
        assigned = assign_splits(
            genres,
            join_groups([identical, names] if by == "artist" else [identical]),
            fractions=shares(fractions),
            seed=seed,
            group_name=by,
            advice="choose other splits",
        )
        made = {"split_by": [by], "given": False, "fractions": list(fractions), "seed": seed}

    def parted(groups: Sequence[str]) -> list[str]:
        kept = [group if split else "" for group, split in zip(groups, assigned, strict=True)]
        return list(crossing(kept, assigned))

    if artists_parted := len(parted(names)):
        warnings.warn(f"{artists_parted} artists are in several {splits} splits", stacklevel=2)
    twins = {
        name: [track for track, other in zip(track_ids, identical, strict=True) if other == name]
        for name in sorted(set(identical) - {""})
    }
    across = [twins[name] for name in parted(identical)]
    if across:  # published lists are not changed
        warnings.warn(
            f"the {splits} splits part identical files: {'; '.join(map(', '.join, across))}",
            stacklevel=2,
        )
    return assigned, {
        "splits": splits,
        **made,
        "unknown": {"artist": names.count("")} if artists else {},
        "artists_in_several_splits": artists_parted if artists else None,
        "identical_files": sum(map(bool, identical)),
        "identical": list(twins.values()),
        "identical_across": across,
    }
