"""Converts layers of PyTorch, Keras and TensorFlow to layers of Flax."""

from collections.abc import Iterator, Sequence

import numpy as np

from mgr_jax.interop.source import Leaf


def _at(collection: str, path: Sequence[str], name: str) -> tuple[str, ...]:
    return (collection, "model", *path, name)


def transposed(array: np.ndarray) -> np.ndarray:
    """All axes reversed: [out, in, bins, time] becomes [time, bins, in, out]."""
    return array.transpose()


def torch_layer(module: str, *path: str, bias: bool = True) -> Iterator[Leaf]:
    """A dense layer of PyTorch, or a convolution over (bins, time) or (time,).

    Args:
      module: its name in the state dict.
      *path: path of our layer within the model.
      bias: whether it has a bias.

    Yields:
      Its arrays.
    """
    yield Leaf(_at("params", path, "kernel"), (f"{module}.weight",), transposed)
    if bias:
        yield Leaf(_at("params", path, "bias"), (f"{module}.bias",))


def torch_norm(module: str, *path: str) -> Iterator[Leaf]:
    """A batch norm of PyTorch; see `torch_layer`."""
    yield Leaf(_at("params", path, "scale"), (f"{module}.weight",))
    yield Leaf(_at("params", path, "bias"), (f"{module}.bias",))
    yield Leaf(_at("batch_stats", path, "mean"), (f"{module}.running_mean",))
    yield Leaf(_at("batch_stats", path, "var"), (f"{module}.running_var",))


def torch_gru(module: str, layer: int, *path: str) -> Iterator[Leaf]:
    """A layer of PyTorch's GRU, whose gates are concatenated, as `recurrent.GRU`.

    Args:
      module: its name in the state dict.
      layer: number of the layer.
      *path: path of our layer.

    Yields:
      Its arrays.
    """
    for number, gate in enumerate(("reset", "update", "candidate")):

        def part(array: np.ndarray, number: int = number) -> np.ndarray:
            return np.split(array, 3)[number].transpose()

        params = ("params", "model", *path)
        yield Leaf((*params, gate, "kernel"), (f"{module}.weight_ih_l{layer}",), part)
        yield Leaf((*params, gate, "bias"), (f"{module}.bias_ih_l{layer}",), part)
        yield Leaf((*params, f"{gate}_state"), (f"{module}.weight_hh_l{layer}",), part)
        yield Leaf((*params, f"{gate}_state_bias"), (f"{module}.bias_hh_l{layer}",), part)


def torch_layer_norm(module: str, *path: str) -> Iterator[Leaf]:
    """A layer norm of PyTorch; see `torch_layer`."""
    yield Leaf(_at("params", path, "scale"), (f"{module}.weight",))
    yield Leaf(_at("params", path, "bias"), (f"{module}.bias",))


def torch_attention(module: str, *path: str, heads: int) -> Iterator[Leaf]:
    """A dense layer to or from attention heads; see `torch_layer`.

    Args:
      module: its name in the state dict.
      *path: path of our layer; its last name is "query", "key", "value" or, from the heads, "out".
      heads: number of heads.

    Yields:
      Its arrays.
    """
    out = path[-1] == "out"

    def kernel(array: np.ndarray) -> np.ndarray:
        array = array.transpose()
        return array.reshape((heads, -1, array.shape[1]) if out else (len(array), heads, -1))

    def bias(array: np.ndarray) -> np.ndarray:
        return array if out else array.reshape(heads, -1)

    yield Leaf(_at("params", path, "kernel"), (f"{module}.weight",), kernel)
    yield Leaf(_at("params", path, "bias"), (f"{module}.bias",), bias)
