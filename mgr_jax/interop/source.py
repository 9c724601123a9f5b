"""A source of weights, and the conversion of its arrays to the variables of a network."""

import fnmatch
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mgr_jax.errors import UserError, some_names

# Path of an array among the variables of a classifier, such as ("params", "model", "head",
# "kernel").
Path = tuple[str, ...]


class Tensors(dict[str, np.ndarray]):
    """The arrays of a file of weights, by their names in the file.

    Attributes:
      file: name of the file, for messages.
      labels: names of the outputs, if the file has them; else empty.
      notes: notes on the file: what else it holds, and what was left out.
    """

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        file: str,
        labels: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> None:
        """Stores the arrays of a file.

        Args:
          arrays: arrays by name.
          file: see `Tensors`.
          labels: see `Tensors`.
          notes: see `Tensors`.
        """
        super().__init__(arrays)
        self.file, self.labels, self.notes = file, tuple(labels), tuple(notes)

    def shape(self, name: str, ndim: int | None = None) -> tuple[int, ...]:
        """The shape of an array that determines the network.

        Args:
          name: name of the array.
          ndim: expected number of axes.

        Raises:
          UserError: there is no such array, it is empty, or has another number of axes.
        """
        if name not in self:
            raise UserError(
                f"{self.file} has no array {name}, which determines the network; its arrays "
                f"are {some_names(self, 5)}. Is it a file of this source?",
                code="weights.other_source",
            )
        shape = self[name].shape
        if 0 in shape:
            raise UserError(
                f"{self.file}: {name} has the shape {shape}, which holds nothing; is the file "
                "damaged?",
                code="weights.other_source",
            )
        if ndim is not None and len(shape) != ndim:
            raise UserError(
                f"{self.file}: {name} has the shape {shape}, where {ndim} axes were expected; is "
                "it a file of this source?",
                code="weights.other_source",
            )
        return shape

    def holds(self, module: str) -> bool:
        """Whether there is an array of a module, such as "layer1.conv" or "conv2d_1"."""
        return any(name.startswith((f"{module}.", f"{module}/")) for name in self)

    def count(self, module: str, first: int = 1) -> int:
        """Number of modules such as "layer{}.conv", from the number `first` on.

        A missing module counts if the next one exists, so that its arrays will be reported.
        """
        return count_modules(self, lambda number: module.format(number), first)


def count_modules(tensors: Tensors, name: Callable[[int], str], first: int = 0) -> int:
    """See `Tensors.count`.

    Args:
      tensors: arrays of the file.
      name: a function that gives the name of the module of a number.
      first: first number.

    Returns:
      The number of modules.
    """
    number = first
    while tensors.holds(name(number)) or tensors.holds(name(number + 1)):
        number += 1
    return number - first


def identity(array: np.ndarray) -> np.ndarray:
    """The array as it is."""
    return array


@dataclass(frozen=True)
class Leaf:
    """The origin of one array of a network.

    Attributes:
      path: its path in our network.
      names: names of the file's arrays that it is made from.
      convert: function that makes it from them.
    """

    path: Path
    names: tuple[str, ...]
    convert: Callable[..., np.ndarray] = identity


@dataclass(frozen=True)
class Conversion:
    """A file of weights as a model of mgr_jax.

    Attributes:
      frontend: {"name", "kwargs"}, see `create_frontend`.
      model: {"name", "kwargs"}, see `create_model`.
      sample_rate: sample rate of the audio in Hz.
      clip_samples: samples of the clips that the network was made for.
      num_classes: number of outputs; 0: it has none, and gives only embeddings.
      leaves: all arrays of the network.
      task: "single_label" or "multi_label".
      eval_segments: clips per track; 0: the fewest that cover it.
      labels: name of the default label set of this source's outputs (see `labels`); empty: unknown.
      genres: whether the outputs are genres or tags of music; ImageNet's are not.
      notes: facts that the file does not contain, and that were assumed as published.
    """

    frontend: Mapping[str, Any]
    model: Mapping[str, Any]
    sample_rate: int
    clip_samples: int
    num_classes: int
    leaves: Sequence[Leaf]
    task: str
    eval_segments: int = 0
    labels: str = ""
    genres: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A kind of weights files.

    Attributes:
      name: name for `import_weights`.
      about: a line for lists.
      upstream: repository and file that define the names and shapes of its arrays.
      license: licence of the code and weights, as far as stated.
      convert: finds the network from the arrays and the reading.
      ignored: patterns (`fnmatch`) of superfluous names, such as counters and optimizer slots;
        those in a file are reported.
      readings: ways to read one file, with their meaning; the first is the default.
    """

    name: str
    about: str
    upstream: str
    license: str
    convert: Callable[[Tensors, str], Conversion]
    ignored: tuple[str, ...] = ()
    readings: Mapping[str, str] = field(default_factory=dict)

    def ignores(self, name: str) -> bool:
        """Whether an array of this name is superfluous."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.ignored)

    def tell_ignored(self, names: Sequence[str]) -> list[str]:
        """The superfluous names, in short: a name, or its pattern and the number of matches."""
        by_pattern: dict[str, list[str]] = {}
        for name in names:
            pattern = next(one for one in self.ignored if fnmatch.fnmatchcase(name, one))
            by_pattern.setdefault(pattern, []).append(name)
        return [
            found[0] if len(found) == 1 else f"{pattern} ({len(found)})"
            for pattern, found in by_pattern.items()
        ]


def require_same_names(source: Source, tensors: Tensors, leaves: Sequence[Leaf]) -> list[str]:
    """Checks that the network needs exactly the arrays of the file.

    Args:
      source: kind of the file.
      tensors: its arrays.
      leaves: the arrays of the network.

    Returns:
      Names of superfluous arrays that the source ignores.

    Raises:
      UserError: arrays are missing or superfluous; all of them are named.
    """
    wanted = {name for leaf in leaves for name in leaf.names}
    missing = sorted(wanted - set(tensors))
    left = [name for name in tensors if name not in wanted]
    unexpected = sorted(name for name in left if not source.ignores(name))
    if missing or unexpected:
        told = [f"lacks {', '.join(missing)}"] if missing else []
        told += [f"holds {', '.join(unexpected)}, which nothing needs"] if unexpected else []
        raise UserError(
            f"{tensors.file} {' and '.join(told)}; it is not a file of the source {source.name}, "
            "or is of another version",
            code="weights.other_arrays",
        )
    return [name for name in left if source.ignores(name)]


def assemble(tensors: Tensors, leaves: Sequence[Leaf], shapes: Mapping[Path, tuple]) -> dict:
    """The variables of our network, by path, with their shapes checked.

    Args:
      tensors: arrays of the file.
      leaves: the origin of each variable.
      shapes: shapes of the network's own variables, by path.

    Raises:
      UserError: arrays have other shapes than the network needs, or variables have no origin; all
        of them are named.
    """
    found, wrong = {}, []
    for leaf in leaves:
        try:
            # Contiguous; a single number stays one, which ascontiguousarray would make an array.
            array = np.array(
                leaf.convert(*(_real(tensors, name) for name in leaf.names)), np.float32, order="C"
            )
        except (ValueError, IndexError) as error:
            wrong.append(f"{' and '.join(leaf.names)} ({error})")
            continue
        found[leaf.path] = array
        if leaf.path in shapes and array.shape != shapes[leaf.path]:
            names = " and ".join(leaf.names)
            given = " and ".join(str(tensors[name].shape) for name in leaf.names)
            wrong.append(f"{names} of {given}, from which {shapes[leaf.path]} cannot be made")
    if wrong:
        raise UserError(
            f"{tensors.file} holds arrays of other shapes than its network has: {'; '.join(wrong)}",
            code="weights.other_shapes",
        )
    lost = sorted("/".join(path) for path in found.keys() ^ shapes.keys())
    if lost:  # an error of the source, or a variant of the network that it does not know
        raise UserError(
            f"{tensors.file} does not fill its apparent network: {', '.join(lost)}",
            code="weights.not_filled",
        )
    return found


def _real(tensors: Tensors, name: str) -> np.ndarray:
    """An array with values that a network can use.

    Raises:
      UserError: it is complex, or holds NaN or values beyond single precision.
    """
    array = tensors[name]
    with np.errstate(over="ignore"):
        is_sound = array.dtype.kind in "fiub" and np.isfinite(array.astype(np.float32)).all()
    if not is_sound:
        raise UserError(
            f"{tensors.file}: {name} holds values that are not finite real numbers, so the network "
            "is useless; get the file again, or one of an earlier step of its training",
            code="weights.not_finite",
        )
    return array


def digest_tensors(tensors: Tensors, leaves: Sequence[Leaf]) -> str:
    """SHA-256 of the arrays that a network needs, independent of file and format."""
    digest = hashlib.sha256()
    for name in sorted({name for leaf in leaves for name in leaf.names}):
        array = np.ascontiguousarray(tensors[name], np.float32)
        digest.update(f"{name} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
