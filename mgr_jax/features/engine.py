"""Computes features of many items in worker processes. A killed run continues where it was.

`rows` (a table of features in a file) and `kept` (a matrix stored with a dataset) use it.
"""

import contextlib
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from mgr_jax.audio.notes import with_notes
from mgr_jax.errors import UserError
from mgr_jax.features.journal import Journal
from mgr_jax.workers import Failure, map_in_processes

_TIME_LIMIT = 3_600.0  # seconds for an item, which may be hours of music


def extract(
    items: Mapping[str, Callable[[], tuple[Any, ...]]],
    compute: Callable[..., np.ndarray],
    *,
    journal: Journal | None = None,
    note: Callable[[str, Sequence[str]], None] | None = None,
    finish: Callable[[list[np.ndarray]], Iterable[np.ndarray]] | None = None,
    batch: int = 1,
    workers: int = 0,
    title: str = "features",
    unit: str = "item",
    progress: bool = True,
) -> dict[str, np.ndarray | Failure]:
    """Computes an array, of any shape, for every item that is not in the journal yet.

    Args:
      items: by name, functions that read each item: picklable; they return the arguments of
        `compute`, such as a waveform and its sample rate. If one raises a UserError, which names
        its file, the item fails; any other error is raised here.
      compute: picklable. Any error that it raises fails the item, not the run, because odd audio
        can break libraries in unforeseen ways.
      journal: stores finished and failed items; None: nothing is stored.
      note: gets the name of each computed item and its AudioWarnings, which are then not shown;
        None: they are shown.
      finish: converts the results of `compute` in this process, for `batch` consecutive items that
        did not fail. Use it for data that must not be copied to every worker, and for results whose
        last bits depend on the number of items.
      batch: how many items are finished at once; so many may be lost if the process is killed.
      workers: processes; 0 computes in this one.
      title: of the progress bar.
      unit: of the progress bar.
      progress: show the progress bar.

    Returns:
      The array of each item, or the reason why there is none, in order.
    """
    known = journal.entries if journal else {}
    names = list(items)
    batches = [names[first : first + batch] for first in range(0, len(names), batch)]
    todo = [some for some in batches if not all(name in known for name in some)]
    left = [name for some in todo for name in some]
    results = map_in_processes(
        functools.partial(_describe, compute),
        ((name, items[name]) for name in left),
        workers=workers,
        time_limit=_TIME_LIMIT,
        name=lambda item: item[0],
    )
    lasts = {some[-1] for some in todo}
    answers: dict[str, np.ndarray | Failure] = {}
    shown = tqdm(
        results,
        title,
        initial=len(names) - len(left),
        total=len(names),
        unit=unit,
        disable=None if progress else True,
    )
    with contextlib.closing(results), shown as bar:
        told = with_notes(bar) if note else ((result, []) for result in bar)
        for ((name, _), answer), notes in told:
            if note:
                note(name, notes)
            answers[name] = answer
            if name not in lasts:
                continue
            if finish:
                _finish(answers, finish)
            if journal:
                journal.append(answers)
            else:
                known.update(answers)
            answers = {}
    return {name: known[name] for name in names}


def _describe(
    compute: Callable[..., np.ndarray], item: tuple[str, Callable[[], tuple[Any, ...]]]
) -> np.ndarray:
    name, load = item
    content = load()
    try:
        return np.asarray(compute(*content))
    except UserError as error:
        raise UserError(f"{name}: {error}", code=error.code) from error
    except Exception as error:
        raise UserError(
            f"{name} has no features ({type(error).__name__}: {error})", code="features.failed"
        ) from error


def _finish(
    answers: dict[str, np.ndarray | Failure],
    finish: Callable[[list[np.ndarray]], Iterable[np.ndarray]],
) -> None:
    computed = {name: a for name, a in answers.items() if not isinstance(a, Failure)}
    if computed:
        answers.update(zip(computed, finish(list(computed.values())), strict=True))
