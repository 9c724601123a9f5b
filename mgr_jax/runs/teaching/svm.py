"""The 57 hand-made features of the SVM that stands beside what is taught."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mgr_jax.audio.io import Limits, read_audio
from mgr_jax.features.engine import extract
from mgr_jax.features.journal import Journal
from mgr_jax.features.recipes import find_recipe
from mgr_jax.runs.teaching.store import Item
from mgr_jax.workers import Failure, available_cores

_RATE, _SECONDS = 22_050, 30  # of the published table


def hand_features(
    paths: Sequence[str],
    items: Mapping[str, Item],
    journal: Path,
    *,
    limits: Limits,
    workers: int | None,
    progress: bool,
) -> dict[str, np.ndarray]:
    """Computes, or reads, the features [57] of files, by path; those that have none are left out.

    Args:
      paths: of the files.
      items: with their states.
      journal: the file that keeps what is finished.
      limits: which files are refused.
      workers: processes; None: as many as there are cores.
      progress: show a bar.
    """
    recipe = find_recipe("gtzan57")
    with Journal(journal, {"recipe": "gtzan57", "seconds": _SECONDS}) as kept:
        kept.forget_changed({path: list(items[path].state) for path in items})
        found = extract(
            {path: functools.partial(_middle, path, limits) for path in paths},
            recipe.describe,
            journal=kept,
            note=lambda name, notes: None,  # which embedding has told
            batch=8,
            workers=available_cores() if workers is None else workers,
            title="57 features",
            unit="file",
            progress=progress,
        )
    return {path: row for path, row in found.items() if not isinstance(row, Failure)}


def _middle(path: str, limits: Limits) -> tuple[np.ndarray, int]:
    """The middle 30 seconds of a file."""
    samples = read_audio(path, _RATE, allow_truncated=True, limits=limits)
    first = max(0, (len(samples) - _SECONDS * _RATE) // 2)
    return samples[first : first + _SECONDS * _RATE], _RATE
