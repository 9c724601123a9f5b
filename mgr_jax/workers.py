"""Worker processes that survive what they decode.

A damaged file can crash a C decoder, and with it the process. Here that costs one item: the
worker is replaced and the item is reported as failed.
"""

import functools
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from mgr_jax.errors import UserError


@dataclass(frozen=True)
class Failure:
    """Why an item gave no result, in one sentence."""

    reason: str


def map_in_processes(
    function: Callable[[Any], Any], items: Iterable[Any], *, workers: int
) -> Iterator[tuple[Any, Any]]:
    """Maps a function over items in worker processes, in order, with bounded memory.

    Args:
      function: picklable. A UserError it raises becomes a Failure; others are raised here.
      items: picklable arguments, taken as they are needed.
      workers: number of processes; 0 runs in this process.

    Yields:
      (item, result or Failure), in the order of the items.
    """
    if not workers:
        for item in items:
            yield item, _result(functools.partial(function, item))
        return
    pool = _start(workers)
    pending: deque[tuple[Any, Future]] = deque()
    try:
        items = iter(items)
        while True:
            while len(pending) < 4 * workers and (item := next(items, None)) is not None:
                pending.append((item, _submit(pool, function, item)))
            if not pending:
                return
            item, future = pending.popleft()
            try:
                result = _result(future.result)
            except BrokenProcessPool:
                # Every pending future is lost with the pool and one item is to blame: this one
                # is tried alone, the others are submitted again.
                pool.shutdown(wait=False, cancel_futures=True)
                result = _alone(function, item)
                pool = _start(workers)
                pending = deque((other, _submit(pool, function, other)) for other, _ in pending)
            yield item, result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, function: Callable[[Any], Any], item: Any) -> Future:
    try:
        return pool.submit(function, item)
    except BrokenProcessPool as error:  # found out between two results: same as a lost one
        future: Future = Future()
        future.set_exception(error)
        return future


def _alone(function: Callable[[Any], Any], item: Any) -> Any:
    with _start(1) as pool:
        try:
            pool.submit(os.getpid).result()
        except BrokenProcessPool:
            # Processes are spawned: they import the script that asks for them, and must not ask.
            raise UserError(
                "no worker process can be started; put the call in your script below "
                "if __name__ == '__main__', or use num_workers=0"
            ) from None
        try:
            return _result(pool.submit(function, item).result)
        except BrokenProcessPool:
            return Failure("the decoder crashed on it; remove it or replace it")


def _result(get: Callable[[], Any]) -> Any:
    try:
        return get()
    except UserError as error:
        return Failure(str(error))


def _start(workers: int) -> ProcessPoolExecutor:
    # Not fork: the parent may hold threads (jax, tensorstore) that a fork would deadlock on.
    return ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_quiet_decoders
    )


def _quiet_decoders() -> None:
    # libmpg123 writes its remarks on every odd header straight to the standard error.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
