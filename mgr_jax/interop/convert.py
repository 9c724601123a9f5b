"""Tells a network from the arrays of a file, and what is wrong where they do not fit."""

import itertools

from mgr_jax.errors import UserError
from mgr_jax.interop.source import Conversion, Source, Tensors, require_same_names
from mgr_jax.interop.sources import list_sources

_DIFFERENT = ("weights.other_source", "weights.other_arrays")
_TRIES = 4


class _StandingIn(Tensors):
    """Has shapes of others for the arrays that are missing, by which a network would be told.

    So all that a file lacks is found, not only the first array that is asked for.

    Attributes:
      rank: how many others are more like a missing one, by their names, than the one that is taken.
    """

    rank = 0

    def shape(self, name: str, ndim: int | None = None) -> tuple[int, ...]:
        if name in self:
            return super().shape(name, ndim)
        others = [other for other in self if ndim in (None, self[other].ndim)]
        others = sorted(others, key=lambda other: _alike(name, other), reverse=True)[self.rank :]
        return self[others[0]].shape if others else (1,) * (ndim or 1)


def _alike(one: str, other: str) -> int:
    """How much two names share at both ends, as layer1.conv.weight and layer2.conv.weight."""
    ends = [zip(one, other, strict=False), zip(one[::-1], other[::-1], strict=False)]
    return sum(len([*itertools.takewhile(lambda pair: pair[0] == pair[1], end)]) for end in ends)


def convert_tensors(
    source: Source, tensors: Tensors, reading: str
) -> tuple[Conversion, tuple[str, ...]]:
    """What a file is as a model of ours, and names of the arrays that are left out.

    Raises:
      UserError: arrays are missing, or there are others, which are all named; or it is a file of
        another source, which is named.
    """
    try:
        return _convert(source, tensors, reading)
    except UserError as error:
        if error.code not in _DIFFERENT:
            raise
        if fitting := [name for name in list_sources() if _fits(name, tensors)]:
            raise UserError(
                f"{tensors.file} is no file of the source {source.name}, but one of "
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
    """What names all that is missing or left over in a file that has most of what is needed."""
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
