"""Collects the warnings about audio files, so that they can be summarised."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from mgr_jax.audio.io import AudioWarning

T = TypeVar("T")

_END: Any = object()

# Of files, or tracks, by name.
Notes = Mapping[str, Sequence[str]]


def with_notes(results: Iterable[T]) -> Iterator[tuple[T, list[str]]]:
    """Pairs each result, as it is computed, with the AudioWarnings that it gave.

    These warnings are not shown; all others are shown as usual.

    Args:
      results: computes each result when it is requested.

    Yields:
      (result, texts of the warnings).
    """
    iterator = iter(results)
    while True:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", AudioWarning)
            result = next(iterator, _END)
        notes = [str(one.message) for one in caught if issubclass(one.category, AudioWarning)]
        for one in caught:
            if not issubclass(one.category, AudioWarning):
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        if result is _END:
            return
        yield result, notes


def first_of_each(notes: Notes) -> list[str]:
    """The first sentence about each file."""
    return [sentences[0] for sentences in notes.values() if sentences]


def some_reasons(reasons: Sequence[str], most: int = 3) -> str:
    """The first of some sentences, and how many more there are, in one line."""
    told = list(reasons[:most])
    if len(reasons) > most:
        told.append(f"and {len(reasons) - most} more")
    return "; ".join(told)
