"""Tells a network from the arrays of a file, and what is wrong where they do not fit."""

from mgr_jax.errors import UserError
from mgr_jax.interop.source import Conversion, Source, Tensors, require_same_names
from mgr_jax.interop.sources import list_sources

_DIFFERENT = ("weights.other_source", "weights.other_arrays")


class _StandingIn(Tensors):
    """Arrays of one value in place of those by which a network would be told.

    So all that a file lacks is found, not only the first array that is asked for.
    """

    def shape(self, name: str, ndim: int | None = None) -> tuple[int, ...]:
        return (1,) * ndim if ndim and name not in self else super().shape(name, ndim)


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
    try:
        conversion = source.convert(_StandingIn(tensors, tensors.file), reading)
    except UserError:
        return None
    wanted = {name for leaf in conversion.leaves for name in leaf.names}
    if 2 * len(wanted - set(tensors)) > len(wanted):
        return None
    try:
        require_same_names(source, tensors, conversion.leaves)
    except UserError as error:
        return error
    return None
