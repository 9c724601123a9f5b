"""Describes many items by numbers, in worker processes, so that a killed run goes on where it was.

`rows` and `kept` stand on it: a table of features in a file, and a matrix kept beside a dataset.
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
    """Computes an array, of any shape, for every item that the journal does not know yet.

    Args:
      items: by their names, what reads each of them: picklable, gives the arguments of `compute`,
        such as a waveform and its sample rate. A UserError that it raises names its file, and
        costs the item; any other error is raised here.
      compute: picklable. Whatever error it raises costs the item, not the run: what odd audio
        does to a library is not foreseen.
      journal: keeps what is finished, and what failed; None loses it with the process.
      note: is told of each item that is computed, by name, what AudioWarnings it gave, which are
        then not shown; None: they are.
      finish: makes the results of what `compute` gave, in this process, for those of `batch`
        consecutive items that did not fail: for what must not be copied to every worker, or
        depends in its last bits on how many are computed at once.
      batch: how many items are finished at once, and so may be lost if the process is killed.
      workers: processes; 0 computes in this one.
      title: of the progress bar.
      unit: what the bar counts.
      progress: whether to show the bar.

    Returns:
      The array of each item, or why there is none, in their order.
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
