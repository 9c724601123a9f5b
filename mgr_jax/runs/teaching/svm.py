"""The 57 hand-made features of the SVM that a taught model is compared with."""

import functools
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mgr_jax.audio.io import Limits, read_audio
from mgr_jax.errors import some_names
from mgr_jax.features.engine import extract
from mgr_jax.features.journal import Journal
from mgr_jax.features.recipes import find_recipe
from mgr_jax.runs.teaching.store import Item
from mgr_jax.workers import Failure, available_cores

_RATE, _SECONDS = 22_050, 30  # length of the published table's tracks
_FILES = 120  # the SVM is scored by default up to this many files; each takes a core 0.4 s


def features_beside(
    paths: Sequence[str],
    items: Mapping[str, Item],
    journal: Path,
    *,
    asked: bool | None,
    limits: Limits,
    workers: int | None,
    progress: bool,
) -> tuple[np.ndarray | None, str]:
    """The features of the SVM for comparison.

    Args:
      paths: the files.
      items: their stored outcomes.
      journal: see `hand_features`.
      asked: whether the SVM is wanted; None: only with few files.
      limits: which files are refused.
      workers: processes.
      progress: show a bar.

    Returns:
      [files, 57], or None without an SVM; and why there is none, if the user did not decide it.
    """
    if asked is False:
        return None, ""
    if asked is None and len(paths) > _FILES:
        return None, (
            f"The SVM on 57 features is left out, as {len(paths)} files take long; ask for it "
            "(`svm`)."
        )
    if importlib.util.find_spec("sklearn") is None:
        return None, "The SVM on 57 features needs scikit-learn (pip install 'mgr-jax[tables]')."
    found = hand_features(paths, items, journal, limits=limits, workers=workers, progress=progress)
    if missing := [Path(path).name for path in paths if path not in found]:
        return None, f"The SVM on 57 features is left out: {some_names(missing)} have no features."
    return np.stack([found[path] for path in paths]), ""


def hand_features(
    paths: Sequence[str],
    items: Mapping[str, Item],
    journal: Path,
    *,
    limits: Limits,
    workers: int | None,
    progress: bool,
) -> dict[str, np.ndarray]:
    """Computes the features [57] of files, or reads finished ones.

    Args:
      paths: the files.
      items: their stored outcomes.
      journal: the file that keeps finished features.
      limits: which files are refused.
      workers: processes; None: one per core.
      progress: show a bar.

    Returns:
      Features by path; files without features are missing.
    """
    recipe = find_recipe("gtzan57")
    with Journal(journal, {"recipe": "gtzan57", "seconds": _SECONDS}) as kept:
        kept.forget_changed({path: list(items[path].state) for path in paths})
        found = extract(
            {path: functools.partial(_middle, path, limits) for path in paths},
            recipe.describe,
            journal=kept,
            note=lambda name, notes: None,  # embedding has reported it already
            batch=8,
            workers=available_cores() if workers is None else workers,
            title="57 features",
            unit="file",
            progress=progress,
        )
    return {path: row for path, row in found.items() if not isinstance(row, Failure)}


def _middle(path: str, limits: Limits) -> tuple[np.ndarray, int]:
    """The middle 30 seconds of a file, and its sample rate."""
    samples = read_audio(path, _RATE, allow_truncated=True, limits=limits)
    first = max(0, (len(samples) - _SECONDS * _RATE) // 2)
    return samples[first : first + _SECONDS * _RATE], _RATE
