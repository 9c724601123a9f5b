"""The next is under way while the last is used: on the device, or in a thread."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def behind(started: Iterable[T], by: int = 1) -> Iterator[T]:
    """Yields what an iterator starts, each when `by` more of them are under way.

    A device that is given its work asynchronously is then never idle while results are fetched.

    Args:
      started: starts something with each step, such as a jitted function on the next batch.
      by: how many are to be under way.
    """
    waiting: deque[T] = deque()
    for one in started:
        waiting.append(one)
        if len(waiting) > by:
            yield waiting.popleft()
    yield from waiting
