"""Starts the next piece of work while the last one is used, on the device or in a thread."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def behind(started: Iterable[T], by: int = 1) -> Iterator[T]:
    """Yields the results of an iterator, each after `by` more of them have been started.

    A device that works asynchronously is then never idle while results are fetched.

    Args:
      started: each step starts some work, such as a jitted function on the next batch.
      by: how many pieces of work run ahead.

    Yields:
      The results, in order.
    """
    waiting: deque[T] = deque()
    for one in started:
        waiting.append(one)
        if len(waiting) > by:
            yield waiting.popleft()
    yield from waiting
