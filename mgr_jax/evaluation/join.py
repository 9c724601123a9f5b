"""Joins predictions tables: those of folds, and those of repeats."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mgr_jax.evaluation.predictions import Predictions, require
from mgr_jax.evaluation.protocol import Protocol


def join_predictions(
    tables: Sequence[Predictions], *, split: str, protocol: Protocol, by_row: bool = False
) -> Predictions:
    """Joins tables of the same classes, such as those of several folds.

    Args:
      tables: to join.
      split: the name for all of them.
      protocol: how they were made and scored.
      by_row: the folds divide rows, not tracks, so a track may be in several tables; a segment may
        not.

    Returns:
      One table with all rows.

    Raises:
      ValueError: they differ in classes or task, or a track (or segment) is in several of them.
    """
    units = [
        set(zip(table.track, table.start, strict=True)) if by_row else set(table.track)
        for table in tables
    ]
    require(
        len(set[Any]().union(*units)) == sum(map(len, units)),
        f"a {'segment' if by_row else 'track'} stands in several tables; join disjoint ones",
    )
    return replace(_stack(tables), split=split, protocol=protocol)


def join_repeats(tables: Sequence[Predictions], *, protocol: Protocol) -> Predictions:
    """Joins the tables of several repeats of an experiment, such as several seeds.

    Args:
      tables: of repeat 0, 1, …. They may hold the same tracks, or others if the seed also divides
        the data. Their splits have the same name.
      protocol: how the splits were made and scored.

    Returns:
      One table with all rows and their repeats.

    Raises:
      ValueError: they differ in classes, task or split, or hold repeats already.
    """
    require(
        all(table.repeat is None for table in tables) and len({t.split for t in tables}) == 1,
        "the tables hold repeats already or are of several splits; join single repeats of one",
    )
    numbered = [
        replace(table, repeat=np.full(len(table.track), i)) for i, table in enumerate(tables)
    ]
    return replace(_stack(numbered), protocol=protocol)


def _stack(tables: Sequence[Predictions]) -> Predictions:
    first = tables[0]
    for table in tables[1:]:
        require(
            (table.classes, table.task, table._columns())
            == (first.classes, first.task, first._columns()),
            "the tables are of other classes or another task; join tables of one experiment",
        )
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(table, name) for table in tables])
        for name in first._columns()
    }
    return replace(first, **columns)
