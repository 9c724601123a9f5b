"""What a source of weights is, and how its arrays become the variables of a network of ours."""

import fnmatch
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mgr_jax.errors import UserError, some_names

# Where an array stands among the variables of a classifier, as in ("params", "model", "head",
# "kernel").
Path = tuple[str, ...]


class Tensors(dict[str, np.ndarray]):
    """The arrays of a file of weights by the names that they have there.

    Attributes:
      file: name of the file, for messages.
      labels: names of the outputs, where the file tells them; empty else.
      notes: what is to be said of the file: what it holds beside, and was left out.
    """

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        file: str,
        labels: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> None:
        """Keeps the arrays of a file."""
        super().__init__(arrays)
        self.file, self.labels, self.notes = file, tuple(labels), tuple(notes)

    def shape(self, name: str, ndim: int | None = None) -> tuple[int, ...]:
        """The shape of an array that tells something of the network.

        Raises:
          UserError: there is no such array, it is empty, or has another number of axes than `ndim`.
        """
        if name not in self:
            raise UserError(
                f"{self.file} has no array {name}, by which the network would be told; its arrays "
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
        """How many modules such as "layer{}.conv" there are, numbered from the first on.

        One that is not there counts as well if the next one is, so that its arrays will be missed.
        """
        return count_modules(self, lambda number: module.format(number), first)


def count_modules(tensors: Tensors, name: Callable[[int], str], first: int = 0) -> int:
    """See `Tensors.count`.

    Args:
      tensors: of the file.
      name: gives the name of the module of a number.
      first: number.
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
    """Where one array of a network comes from.

    Attributes:
      path: where it stands in our network.
      names: of the arrays that it is made of, as the file has them.
      convert: makes it of them.
    """

    path: Path
    names: tuple[str, ...]
    convert: Callable[..., np.ndarray] = identity


@dataclass(frozen=True)
class Conversion:
    """What a file of weights is, as a model of ours.

    Attributes:
      frontend: {"name", "kwargs"}, see `create_frontend`.
      model: {"name", "kwargs"}, see `create_model`.
      sample_rate: of the audio in Hz.
      clip_samples: samples of the clips that the network was made for.
      num_classes: number of outputs; 0: it has none, and gives embeddings alone.
      leaves: all arrays of the network.
      task: "single_label" or "multi_label".
      eval_segments: clips per track; 0: the fewest that cover it.
      labels: name of the label set that the outputs of this source have unless others are given
        (see `labels`); empty: it cannot be told.
      genres: whether the outputs tell genres or tags of music; ImageNet's do not.
      notes: what cannot be told from a file and was taken to be as published.
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
      name: for `import_weights`.
      about: a line for lists.
      upstream: where the names and shapes of its arrays are laid down: repository and file.
      license: of the code and weights, as far as they say.
      convert: tells the network from the arrays and the reading.
      ignored: patterns (`fnmatch`) of names that are not needed, such as counters and optimizer
        slots; which of them a file has is told.
      readings: ways to read one file, with what each means; the first one unless asked for.
    """

    name: str
    about: str
    upstream: str
    license: str
    convert: Callable[[Tensors, str], Conversion]
    ignored: tuple[str, ...] = ()
    readings: Mapping[str, str] = field(default_factory=dict)

    def ignores(self, name: str) -> bool:
        """Whether an array of this name is not needed."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.ignored)

    def tell_ignored(self, names: Sequence[str]) -> list[str]:
        """Those that are not needed, in short: a name, or its pattern and how many it matches."""
        by_pattern: dict[str, list[str]] = {}
        for name in names:
            pattern = next(one for one in self.ignored if fnmatch.fnmatchcase(name, one))
            by_pattern.setdefault(pattern, []).append(name)
        return [
            found[0] if len(found) == 1 else f"{pattern} ({len(found)})"
            for pattern, found in by_pattern.items()
        ]


def require_same_names(source: Source, tensors: Tensors, leaves: Sequence[Leaf]) -> list[str]:
    """Checks that the network needs the arrays of the file, and no others.

    Returns:
      Names of those that were left out, as the source says.

    Raises:
      UserError: arrays are missing, or there are some that nothing needs; all of them are named.
    """
    wanted = {name for leaf in leaves for name in leaf.names}
    missing = sorted(wanted - set(tensors))
    left = [name for name in tensors if name not in wanted]
    unexpected = sorted(name for name in left if not source.ignores(name))
    if missing or unexpected:
        told = [f"lacks {', '.join(missing)}"] if missing else []
        told += [f"holds {', '.join(unexpected)}, which nothing needs"] if unexpected else []
        raise UserError(
            f"{tensors.file} {' and '.join(told)}; it is no file of the source {source.name}, or "
            "of another version",
            code="weights.other_arrays",
        )
    return [name for name in left if source.ignores(name)]


def assemble(tensors: Tensors, leaves: Sequence[Leaf], shapes: Mapping[Path, tuple]) -> dict:
    """The variables of our network, by path, checked against their shapes.

    Args:
      tensors: of the file.
      leaves: where each of them comes from.
      shapes: of the network's own variables, by path.

    Raises:
      UserError: arrays have other shapes than the network needs, or the network has variables that
        nothing was found for; all of them are named.
    """
    found, wrong = {}, []
    for leaf in leaves:
        try:
            # Contiguous, and a single number stays one, which ascontiguousarray makes an array.
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
            wrong.append(f"{names} of {given}, of which {shapes[leaf.path]} was to be made")
    if wrong:
        raise UserError(
            f"{tensors.file} holds arrays of other shapes than its network has: {'; '.join(wrong)}",
            code="weights.other_shapes",
        )
    lost = sorted("/".join(path) for path in found.keys() ^ shapes.keys())
    if lost:  # a fault of the source, or a variant of the network that it does not know
        raise UserError(
            f"{tensors.file} does not fill the network that it seems to be of: {', '.join(lost)}",
            code="weights.not_filled",
        )
    return found


def _real(tensors: Tensors, name: str) -> np.ndarray:
    """An array that a network can have.

    Raises:
      UserError: it is complex, or holds NaN or what is beyond single precision.
    """
    array = tensors[name]
    with np.errstate(over="ignore"):
        is_sound = array.dtype.kind in "fiub" and np.isfinite(array.astype(np.float32)).all()
    if not is_sound:
        raise UserError(
            f"{tensors.file}: {name} holds values that are no finite real numbers, with which a "
            "network tells nothing; get the file again, or one of an earlier step of its training",
            code="weights.not_finite",
        )
    return array


def digest_tensors(tensors: Tensors, leaves: Sequence[Leaf]) -> str:
    """SHA-256 of the arrays that a network needs, whichever file and format holds them."""
    digest = hashlib.sha256()
    for name in sorted({name for leaf in leaves for name in leaf.names}):
        array = np.ascontiguousarray(tensors[name], np.float32)
        digest.update(f"{name} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
