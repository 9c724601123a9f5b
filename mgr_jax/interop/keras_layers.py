"""Converts layers of Keras to layers of Flax, for all forms of names and any numbering.

Keras 1 has "conv1/conv1_W_1:0", Keras 2 "conv2d_1/conv2d_1/kernel:0", Keras 3 "conv2d_1/vars/0".
The numbers in a file depend on how many layers of a kind a program had made before, but their order
does not.
"""

import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.interop.layers import transposed
from mgr_jax.interop.source import Leaf, Tensors, identity

# Groups beside the layers.
IGNORED = ("optimizer/*", "optimizer_weights/*")

_KINDS = {  # kinds of layers, with their arrays in the order of Keras 3
    "conv2d": ("kernel", "bias"),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "dense": ("kernel", "bias"),
}


def keras1_names(tensors: Tensors) -> dict[str, str]:
    """Full names of Keras 1's arrays by short name: "conv1_W" for "conv1/conv1_W_1:0"."""
    found = {}
    for name in tensors:
        last = name.rsplit("/", 1)[-1].removesuffix(":0")
        found[re.sub(r"_\d+$", "", last)] = name
    return found


def numbered_layers(names: Iterable[str], kind: str) -> list[str]:
    """The layers in names of Keras 1, such as "conv2" for "conv", in order."""
    found = {
        match[1]: int(match[2]) for name in names if (match := re.match(rf"({kind}(\d+))_", name))
    }
    return sorted(found, key=found.__getitem__)


class Keras1:
    """Makes leaves from the arrays of Keras 1; see `keras1_names`.

    TensorFlow ends the names of its arrays in ":0", Theano does not. Theano convolves where
    TensorFlow correlates, so its kernels are rotated by 180 degrees. Kernels are [out, in, bins,
    time] or [bins, time, in, out]; the first one, which has one input, shows which.
    """

    def __init__(self, tensors: Tensors) -> None:
        """Looks up the names."""
        self.tensors, self.names = tensors, keras1_names(tensors)
        kernels = [tensors[name].shape for own, name in self.names.items() if own.endswith("_W")]
        self._channels_last = any(len(k) == 4 and k[1] > 1 and k[2] == 1 for k in kernels)

    def name(self, array: str) -> str:
        """Full name of an array; for a missing one, its short name."""
        return self.names.get(array, array)

    def shape(self, array: str, ndim: int) -> tuple[int, ...]:
        """See `Tensors.shape`."""
        return self.tensors.shape(self.name(array), ndim)

    def width(self, conv: str) -> int:
        """Output channels of a convolution."""
        return self.shape(f"{conv}_W", 4)[-1 if self._channels_last else 0]

    def conv(self, layer: str, *path: str) -> Iterator[Leaf]:
        """A convolution over (bins, time)."""
        kernel = self.name(f"{layer}_W")

        def convert(array: np.ndarray) -> np.ndarray:
            ours = array.swapaxes(0, 1) if self._channels_last else transposed(array)
            return ours if kernel.endswith(":0") else ours[::-1, ::-1]

        yield Leaf(_at("params", path, "kernel"), (kernel,), convert)
        yield Leaf(_at("params", path, "bias"), (self.name(f"{layer}_b"),))

    def dense(self, layer: str, *path: str) -> Iterator[Leaf]:
        """A dense layer."""
        yield Leaf(_at("params", path, "kernel"), (self.name(f"{layer}_W"),))
        yield Leaf(_at("params", path, "bias"), (self.name(f"{layer}_b"),))

    def norm(
        self, layer: str, *path: str, variance: Callable[[np.ndarray], np.ndarray] | None = identity
    ) -> Iterator[Leaf]:
        """A batch norm.

        Args:
          layer: its name.
          *path: path of our layer.
          variance: function from the stored "running_std" to a variance; None: there are no
            statistics.

        Yields:
          Its arrays.
        """
        yield Leaf(_at("params", path, "scale"), (self.name(f"{layer}_gamma"),))
        yield Leaf(_at("params", path, "bias"), (self.name(f"{layer}_beta"),))
        if variance is not None:
            stored = self.name(f"{layer}_running_std")
            yield Leaf(_at("batch_stats", path, "mean"), (self.name(f"{layer}_running_mean"),))
            yield Leaf(_at("batch_stats", path, "var"), (stored,), variance)

    def gru(self, layer: str, *path: str) -> Iterator[Leaf]:
        """A GRU with one bias per gate, as in `recurrent.GRU`."""
        for gate, letter in (("update", "z"), ("reset", "r"), ("candidate", "h")):
            yield from self._gate(layer, gate, letter, path)

    def _gate(self, layer: str, gate: str, letter: str, path: tuple[str, ...]) -> Iterator[Leaf]:
        yield Leaf(_at("params", (*path, gate), "kernel"), (self.name(f"{layer}_W_{letter}"),))
        yield Leaf(_at("params", (*path, gate), "bias"), (self.name(f"{layer}_b_{letter}"),))
        yield Leaf(_at("params", path, f"{gate}_state"), (self.name(f"{layer}_U_{letter}"),))


class Keras2:
    """Makes leaves from the arrays of Keras 2 and 3, whose layers are identified by kind and order.

    Attributes:
      convs: names of the convolutions, in the order in which they were made.
      norms: names of the batch norms, likewise.
      denses: names of the dense layers, likewise.
    """

    def __init__(self, tensors: Tensors) -> None:
        """Looks up the names."""
        self.tensors = tensors
        self._names: dict[tuple[str, str], str] = {}
        for name in tensors:
            if not name.startswith("optimizer") and (told := _layer_and_array(name)):
                self._names.setdefault(told, name)
        self.convs, self.norms, self.denses = (self._numbered(kind) for kind in _KINDS)

    def _numbered(self, kind: str) -> list[str]:
        found = {
            layer: int(match[1] or 0)
            for layer, _ in self._names
            if (match := re.fullmatch(rf"{kind}(?:_(\d+))?", layer))
        }
        return sorted(found, key=found.__getitem__)

    def require_counts(self, **counts: int) -> None:
        """Checks the numbers of layers by kind: `convs`, `norms`, `denses`.

        Args:
          **counts: expected numbers.

        Raises:
          UserError: the numbers differ.
        """
        got = {kind: getattr(self, kind) for kind in counts}
        if any(len(got[kind]) != count for kind, count in counts.items()):
            told = "; ".join(
                f"{len(layers)} {kind} ({', '.join(layers) or 'none'})"
                for kind, layers in got.items()
            )
            wanted = ", ".join(f"{count} {kind}" for kind, count in counts.items())
            raise UserError(
                f"{self.tensors.file} holds {told}, where {wanted} belong together; is it a file "
                "of this source?",
                code="weights.other_arrays",
            )

    def name(self, layer: str, array: str) -> str:
        """Full name of an array; for a missing one, its short name."""
        return self._names.get((layer, array), f"{layer}/{array}")

    def shape(self, layer: str, array: str, ndim: int) -> tuple[int, ...]:
        """See `Tensors.shape`.

        Args:
          layer: name of the layer.
          array: name of its array.
          ndim: expected number of axes.
        """
        return self.tensors.shape(self.name(layer, array), ndim)

    def layer(self, layer: str, *path: str) -> Iterator[Leaf]:
        """A dense layer, or a convolution with axes in our order."""
        yield Leaf(_at("params", path, "kernel"), (self.name(layer, "kernel"),))
        yield Leaf(_at("params", path, "bias"), (self.name(layer, "bias"),))

    def norm(self, layer: str, *path: str) -> Iterator[Leaf]:
        """A batch norm."""
        yield Leaf(_at("params", path, "scale"), (self.name(layer, "gamma"),))
        yield Leaf(_at("params", path, "bias"), (self.name(layer, "beta"),))
        yield Leaf(_at("batch_stats", path, "mean"), (self.name(layer, "moving_mean"),))
        yield Leaf(_at("batch_stats", path, "var"), (self.name(layer, "moving_variance"),))


def _layer_and_array(name: str) -> tuple[str, str] | None:
    """("conv2d_1", "kernel") from a path, which may have outer groups; None for other paths."""
    *parts, array = name.removesuffix(":0").split("/")
    for part in parts:
        if match := re.fullmatch(rf"({'|'.join(_KINDS)})(_\d+)?", part):
            arrays = _KINDS[match[1]]
            numbered = parts[-1] == "vars" and array.isdecimal() and int(array) < len(arrays)
            return part, arrays[int(array)] if numbered else array
    return None


def _at(collection: str, path: tuple[str, ...], name: str) -> tuple[str, ...]:
    return (collection, "model", *path, name)
