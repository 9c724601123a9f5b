"""Cross-validation folds that cannot leak: groups of tracks stay together."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from mgr_jax.data.cache import Tracks
from mgr_jax.data.splits import assign_splits, join_groups


def fold_columns(protocol: Mapping[str, Any]) -> list[str]:
    """The columns that folds of a dataset are disjoint in.

    Those that its own splits are disjoint in; the artist, where splits were published by track and
    artists are known.
    """
    by = protocol["split_by"]
    known = "artist" in protocol.get("unknown", {})
    return ["artist"] if by == ["track"] and protocol["given"] and known else by


def assign_folds(tracks: Tracks, *, folds: int, seed: int) -> np.ndarray:
    """Divides tracks into folds, stratified by genre and disjoint in `fold_columns`.

    Byte-identical files stay together too.

    Args:
      tracks: the pool to divide.
      folds: how many, at least 3: one to score, one to choose the checkpoint, the rest to train.
      seed: of the division.

    Returns:
      The fold of each track, [tracks].

    Raises:
      UserError: a genre has fewer groups than there are folds.
    """
    groups = [json.loads(text) for text in tracks.groups]
    columns = [[str(group.get("identical", "")) for group in groups]]
    names = fold_columns(tracks.protocol)
    for name in names:
        if name == "artist":
            columns.append(list(tracks.artist_id))
        elif name != "track":
            columns.append([str(group.get(name, "")) for group in groups])
    labels = [tracks.classes[label] if label >= 0 else "no genre" for label in tracks.label]
    assigned = assign_splits(
        labels,
        join_groups(columns),
        fractions={str(fold): 1 / folds for fold in range(folds)},
        seed=seed,
        group_name=" or ".join(names),
        part_name="fold",
        advice="make fewer folds",
    )
    return np.array(assigned).astype(int)
