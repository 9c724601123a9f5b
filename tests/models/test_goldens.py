"""Shared layers against PyTorch, by what make_goldens.py has written."""

from pathlib import Path

import jax
import numpy as np
import pytest
from flax import linen as nn
from flax import traverse_util

from mgr_jax.models.densenet import DenseLayer, Transition
from mgr_jax.models.layers import ResidualBlock
from mgr_jax.models.recurrent import GRU, LSTM, LastState
from mgr_jax.models.resnet import Stem
from mgr_jax.models.transformer import TransformerLayer

GOLDENS = Path(__file__).parent / "goldens"
# The rows of PyTorch's stacked matrices.
GATES = {
    "gru": ("reset", "update", "candidate"),
    "lstm": ("input", "forget", "candidate", "output"),
}
LAYERS = {"gru": GRU, "lstm": LSTM}


def read(name):
    """The arrays, and the weights by PyTorch's names."""
    with np.load(GOLDENS / f"{name}.npz") as file:
        arrays = dict(file)
    weights = {key.removeprefix("weights/"): arrays[key] for key in arrays if "weights/" in key}
    return arrays, weights


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4)


def recurrent_params(kind, weights, suffix):
    params = {}
    for row, gate in enumerate(GATES[kind]):

        def part(name, row=row):
            return np.split(weights[f"{name}_{suffix}"], len(GATES[kind]))[row]

        params[gate] = {"kernel": part("weight_ih").T, "bias": part("bias_ih")}
        params[f"{gate}_state"] = part("weight_hh").T
        params[f"{gate}_state_bias"] = part("bias_hh")
    return params


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_recurrent_layers_of_two_directions(kind):
    golden, weights = read(kind)
    layer = LAYERS[kind](4, cudnn=True)

    def run(x, suffix):
        params = recurrent_params(kind, weights, suffix)
        return layer.apply({"params": params}, x)

    x = golden["input"]
    for number in (0, 1):
        below = x
        backward = run(x[:, ::-1], f"l{number}_reverse")[:, ::-1]
        x = np.concatenate([run(x, f"l{number}"), backward], axis=-1)
    close(x, golden["output"])

    params = {
        "forward": recurrent_params(kind, weights, "l1"),
        "backward": recurrent_params(kind, weights, "l1_reverse"),
    }
    last = LastState(kind, 4, directions=2, cudnn=True).apply({"params": params}, below)
    # By layer and direction.
    close(last, np.concatenate(golden["last"][2:], axis=-1))


@pytest.mark.parametrize("norm_first", [True, False])
def test_transformer_layer(norm_first):
    golden, weights = read(f"transformer_norm_{'first' if norm_first else 'last'}")
    heads, width = 3, 12

    def dense(name):
        return {"kernel": weights[f"{name}.weight"].T, "bias": weights[f"{name}.bias"]}

    def norm(name):
        return {"scale": weights[f"{name}.weight"], "bias": weights[f"{name}.bias"]}

    attention = {}
    rows = zip(
        ("query", "key", "value"),
        np.split(weights["self_attn.in_proj_weight"], 3),
        np.split(weights["self_attn.in_proj_bias"], 3),
        strict=True,
    )
    for name, matrix, bias in rows:
        attention[name] = {
            "kernel": matrix.T.reshape(width, heads, -1),
            "bias": bias.reshape(heads, -1),
        }
    out = dense("self_attn.out_proj")
    attention["out"] = {"kernel": out["kernel"].reshape(heads, -1, width), "bias": out["bias"]}
    params = {
        "attention": attention,
        "attention_norm": norm("norm1"),
        "dense_norm": norm("norm2"),
        "dense1": dense("linear1"),
        "dense2": dense("linear2"),
    }
    layer = TransformerLayer(heads, 20, norm_first=norm_first)
    close(layer.apply({"params": params}, golden["input"], train=False), golden["output"])


class Dense(nn.Module):
    """Dense layers and a transition, under PyTorch's names."""

    @nn.compact
    def __call__(self, x, *, train):
        x = DenseLayer(4, name="layer1")(x, train=train)
        x = DenseLayer(4, name="layer2")(x, train=train)
        return Transition(name="transition")(x, train=train)


# The last number is of values per channel that each norm sees: batch x frames x bins.
BLOCKS = {
    "residual": (ResidualBlock(6, stride=2, bias=False), 2 * 5 * 4),
    "stem": (Stem(4), 2 * 11 * 9),
    "dense": (Dense(), 2 * 5 * 6),
}
NAMES = {"running_mean": "mean", "running_var": "var", "bias": "bias"}


def convolutional_variables(arrays):
    """PyTorch's parameters and statistics in Flax's trees."""
    trees = {"params": {}, "batch_stats": {}}
    for path, array in arrays.items():
        *modules, last = path.split(".")
        collection = "batch_stats" if "running" in last else "params"
        if last == "weight":
            last = "kernel" if array.ndim == 4 else "scale"
            array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array
        trees[collection][(*modules, NAMES.get(last, last))] = array
    return {name: traverse_util.unflatten_dict(tree) for name, tree in trees.items()}


@pytest.mark.parametrize("name", BLOCKS)
def test_convolutional_blocks(name):
    block, count = BLOCKS[name]
    golden, weights = read(name)
    variables = convolutional_variables(weights)
    image = golden["input"].transpose(0, 2, 3, 1)
    output, _ = block.apply(variables, image, train=False)
    close(output, golden["output"].transpose(0, 2, 3, 1))
    (output, _), state = block.apply(variables, image, train=True, mutable=["batch_stats"])
    close(output, golden["train_output"].transpose(0, 2, 3, 1))

    # Both normalise by the variance of the batch as it is; PyTorch keeps the unbiased estimate.
    updated = {key.removeprefix("updated/"): golden[key] for key in golden if "updated/" in key}
    for key in updated:
        if key.endswith("running_var"):
            batch = updated[key] - 0.9 * weights[key]
            updated[key] = 0.9 * weights[key] + batch * (count - 1) / count
    expected = convolutional_variables(updated)["batch_stats"]
    jax.tree.map(close, dict(state["batch_stats"]), expected)
