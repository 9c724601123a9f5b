"""One bad item costs one item, whatever it does to its process."""

import os

import pytest

from mgr_jax.errors import UserError
from mgr_jax.workers import Failure, map_in_processes


def work(item: int) -> int:
    if item == 3:
        os._exit(11)  # what a crash in a C decoder looks like from outside
    if item == 5:
        raise UserError("five cannot be decoded")
    return item * item


def test_order_is_kept_and_crashes_are_survived():
    results = dict(map_in_processes(work, range(12), workers=2))
    assert list(results) == list(range(12))
    assert results[3] == Failure("the decoder crashed on it; remove it or replace it")
    assert results[5] == Failure("five cannot be decoded")
    assert all(results[i] == i * i for i in range(12) if i not in (3, 5))


def fail(item: int) -> int:
    raise ZeroDivisionError(item)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bug_is_no_bad_item(workers):
    with pytest.raises(ZeroDivisionError):
        list(map_in_processes(fail, range(3), workers=workers))
