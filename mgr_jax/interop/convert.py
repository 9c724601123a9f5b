"""Finds the network for the arrays of a file, and explains arrays that do not fit."""

import itertools

from mgr_jax.errors import UserError
from mgr_jax.interop.source import Conversion, Source, Tensors, require_same_names
from mgr_jax.interop.sources import list_sources

_DIFFERENT = ("weights.other_source", "weights.other_arrays")
_TRIES = 4


class _StandingIn(Tensors):
    """Gives missing arrays the shapes of similar ones, so that the network can still be found.

    So all missing arrays are reported, not only the first.

    Attributes:
      rank: position of the chosen array among those most similar in name.
    """

    rank = 0

    def shape(self, name: str, ndim: int | None = None) -> tuple[int, ...]:
        if name in self:
            return super().shape(name, ndim)
        others = [other for other in self if ndim in (None, self[other].ndim)]
        others = sorted(others, key=lambda other: _alike(name, other), reverse=True)[self.rank :]
        return self[others[0]].shape if others else (1,) * (ndim or 1)


def _alike(one: str, other: str) -> int:
    """Number of common characters at both ends of two names, such as conv1.bias and conv2.bias."""
    ends = [zip(one, other, strict=False), zip(one[::-1], other[::-1], strict=False)]
    return sum(len([*itertools.takewhile(lambda pair: pair[0] == pair[1], end)]) for end in ends)


def convert_tensors(
    source: Source, tensors: Tensors, reading: str
) -> tuple[Conversion, tuple[str, ...]]:
    """The model that a file holds, and the names of the arrays that are left out.

    Args:
      source: the kind of file.
      tensors: arrays of the file.
      reading: one of the source's ways to read a file.

    Raises:
      UserError: arrays are missing or superfluous, which are all named; or the file belongs to
        another source, which is named.
    """
    try:
        return _convert(source, tensors, reading)
    except UserError as error:
        if error.code not in _DIFFERENT:
            raise
        if fitting := [name for name in list_sources() if _fits(name, tensors)]:
            raise UserError(
                f"{tensors.file} is not a file of the source {source.name}, but of "
                f"{' or '.join(fitting)}; give that as `source`",
                code="weights.other_source",
            ) from error
        raise _all_missing(source, tensors, reading) or error from error


def _convert(source: Source, tensors: Tensors, reading: str) -> tuple[Conversion, tuple[str, ...]]:
    conversion = source.convert(tensors, reading)
    return conversion, tuple(require_same_names(source, tensors, conversion.leaves))


def _fits(name: str, tensors: Tensors) -> bool:
    source = list_sources()[name]
    try:
        _convert(source, tensors, next(iter(source.readings), ""))
    except UserError:
        return False
    return True


def _all_missing(source: Source, tensors: Tensors, reading: str) -> UserError | None:
    """The error that names all missing and superfluous arrays of a nearly complete file."""
    standing_in = _StandingIn(tensors, tensors.file)
    for standing_in.rank in range(_TRIES):
        try:
            leaves = source.convert(standing_in, reading).leaves
        except UserError:
            continue
        wanted = {name for leaf in leaves for name in leaf.names}
        if 2 * len(wanted - set(tensors)) > len(wanted):
            continue
        try:
            require_same_names(source, tensors, leaves)
        except UserError as error:
            return error
    return None
