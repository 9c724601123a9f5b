"""Features that are computed once and stored in a file, as a matrix with one row per item."""

import contextlib
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.array_files import keep_arrays, load_arrays
from mgr_jax.errors import UserError
from mgr_jax.features.engine import extract
from mgr_jax.features.journal import ForeignJournalError, Journal, JournalInUseError
from mgr_jax.workers import Failure

_FORMAT = 1  # raise it when features come to be other numbers


def keep_features(
    path: Path,
    items: Mapping[str, Callable[[], tuple[Any, ...]]],
    compute: Callable[..., np.ndarray],
    *,
    settings: Mapping[str, Any],
    **options: Any,
) -> np.ndarray:
    """Computes the features of items, unless the file has them.

    Until they are complete they are in <path>.journal, and the same call continues after a kill. If
    the folder cannot be written, or another process writes the journal, only that benefit is lost.

    Args:
      path: of an .npz file. It is used if it has as many rows and the same settings; files of
        version 0.1.0 hold no settings.
      items: see `extract`.
      compute: see `extract`; its result (after `finish`, if given) is a vector.
      settings: the settings that the numbers depend on, besides the names of the items, of JSON's
        types. A file or a journal with other settings is ignored.
      **options: of `extract`, except the journal.

    Returns:
      [items, columns] float32; a row of NaN if an item has no features, such as silence.

    Raises:
      UserError: no item has features.
    """
    stored = load_arrays(path)
    told = json.dumps(dict(settings), sort_keys=True)
    if (
        stored.get("format") == _FORMAT
        and len(stored["values"]) == len(items)
        and str(stored.get("settings", told)) == told
    ):
        return stored["values"]
    journal = _open_journal(path.with_name(f"{path.name}.journal"), {"format": _FORMAT, **settings})
    with journal or contextlib.nullcontext():
        answers = extract(items, compute, journal=journal, **options)
        found = [answer for answer in answers.values() if not isinstance(answer, Failure)]
        if found:
            missing = np.full(found[0].shape, np.nan)
            rows = [missing if isinstance(a, Failure) else a for a in answers.values()]
            values = np.stack(rows).astype(np.float32)
            keep_arrays(path, values=values, format=np.array(_FORMAT), settings=np.array(told))
        if journal:
            journal.remove()
    if not found:
        reason = next(a.reason for a in answers.values() if isinstance(a, Failure))
        raise UserError(
            f"none of the {len(items)} items has features; of the first, {reason}",
            code="features.none",
        )
    return values


def _open_journal(path: Path, settings: Mapping[str, Any]) -> Journal | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return Journal(path, settings)
        except ForeignJournalError:
            warnings.warn(
                f"{path} is damaged, or of other settings; what it held is computed anew",
                stacklevel=3,
            )
            path.unlink()
            return Journal(path, settings)
    except (OSError, JournalInUseError):
        return None
