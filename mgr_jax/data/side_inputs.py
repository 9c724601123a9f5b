"""The values of config.side_inputs for the tracks of a dataset; see `mgr_jax.side_inputs`."""

import dataclasses
import json
import warnings
from collections.abc import Mapping

import numpy as np
from ml_collections import ConfigDict

from mgr_jax.data.cache import Tracks
from mgr_jax.data.feature_files import FeatureTracks
from mgr_jax.data.pipeline import dataset_tracks, open_split
from mgr_jax.data.table_rows import match_rows, read_table, rows_of
from mgr_jax.errors import UserError
from mgr_jax.side_inputs import Arrays, SideInputs

_ROUNDING = 1e-6  # a column with a deviation below this share of its mean is constant


def side_inputs_of(
    config: ConfigDict, splits: Mapping[str, Tracks], *, progress: bool = False
) -> tuple[SideInputs, dict[str, Arrays]]:
    """The side inputs of the splits of a run.

    Args:
      config: config of the run.
      splits: "train", from which vocabularies and statistics come, and others.
      progress: show bars while the cache of the dataset is built.

    Returns:
      The encoding, and by split the arrays that its loader adds to the tracks, [tracks, ...] each.

    Raises:
      UserError: the table has no rows for some tracks, or no training track has a value of a
        category.
    """
    options = config.side_inputs
    train = splits["train"]
    vocabularies = {}
    leak = _describe_leak(config, splits, progress) if options.categories else ""
    for category in options.categories:
        vocabularies[category] = tuple(sorted(set(_names(train, category)) - {""}))
        if not vocabularies[category]:
            raise UserError(
                f"config.side_inputs.categories names '{category}', of which the training tracks "
                f"have no value; choose some of {', '.join(_known(train)) or 'none'}",
                code="side_inputs.unknown_category",
            )
    side = SideInputs(vocabularies=vocabularies, leak=leak)
    table = read_table(options.table) if options.table else None
    if table:
        matched = match_rows(table.track_id, dataset_tracks(config, progress=progress))
        rows = _rows(table, train, matched)
        mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        scale = np.where(deviation > _ROUNDING * np.abs(mean), deviation, 1.0)
        side = dataclasses.replace(
            side,
            columns=table.columns,
            mean=tuple(mean.tolist()),
            scale=tuple(scale.tolist()),
            rows=matched,
        )
    arrays = {name: encode_tracks(side, tracks, table) for name, tracks in splits.items()}
    scored = [arrays[name]["categories"] for name in splits if name != "train" and vocabularies]
    for number, category in enumerate(vocabularies):
        if not any(numbers[:, number].any() for numbers in scored):
            warnings.warn(
                f"no {category} outside of the training tracks is known from them, as where splits "
                "are artist-disjoint: the embedding can only learn to be ignored",
                stacklevel=2,
            )
    return side, arrays


def encode_tracks(side: SideInputs, tracks: Tracks, table: FeatureTracks | None) -> Arrays:
    """The side inputs of a split, [tracks, ...] each; {} if there are none.

    Args:
      side: the encoding.
      tracks: tracks of the split.
      table: the table; None: there is none.

    Raises:
      UserError: the table lacks columns, or rows for some tracks.
    """
    if not side.format:
        return {}
    rows = np.empty((len(tracks), 0))
    if table:
        rows = _rows(table.with_columns(side.columns), tracks, side.rows)
    return side.encode(rows, {name: _names(tracks, name) for name in side.vocabularies})


def _describe_leak(config: ConfigDict, splits: Mapping[str, Tracks], progress: bool) -> str:
    """Why categories leak; empty if no training artist is known to be scored."""
    trained = set(splits["train"].artist_id)
    others = [name for name in splits["train"].account["tracks"] if name not in splits]
    opened = {name: open_split(config, name, progress=progress) for name in others}
    scored = {
        artist
        for name, tracks in (dict(splits) | opened).items()
        if name != "train"
        for artist in tracks.artist_id
    }
    if trained & scored - {""}:
        stand = "stand"
    elif "" in trained | scored:
        stand = "may stand"
    else:
        return ""
    names = " and ".join(config.side_inputs.categories)
    return f"{names} as an input: artists {stand} on both sides"


def _rows(table: FeatureTracks, tracks: Tracks, matched: Mapping[str, str]) -> np.ndarray:
    """[tracks, columns] float64."""
    names = tracks.track_id.tolist()
    found = rows_of(table, {name: matched[name] for name in names if name in matched})
    if missing := sorted(set(names) - set(found)):
        raise UserError(
            f"{table.path} has no row for {len(missing)} {tracks.split} tracks "
            f"({', '.join(missing[:3])}), or names several tracks alike; add rows with the tracks' "
            "full names",
            code="table.missing_row",
        )
    return np.stack([found[name] for name in names])


def _names(tracks: Tracks, category: str) -> list[str]:
    if category == "artist":
        return tracks.artist_id.tolist()
    return [str(json.loads(text).get(category, "")) for text in tracks.groups]


def _known(tracks: Tracks) -> list[str]:
    """The categories that tracks have."""
    names = {name for text in tracks.groups for name in json.loads(text)} - {"identical"}
    return [*(["artist"] if any(tracks.artist_id) else []), *sorted(names)]
