"""The networks of yijerjer's project on FMA: counts, blocks, and what each axis is to them."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error
from scipy import signal

from mgr_jax.models import create_model
from mgr_jax.models.fma_cnn import DenseNetBlock

TINY = {"widths": (3,), "kernels": ((3, 3),), "pools": ((2, 2),), "dense_units": (5,)}
ALONG_TIME = TINY | {"kernels": ((5, 1),), "pools": ((4, 1),)}
RNG = np.random.default_rng(0)


def draw(shape):
    return RNG.standard_normal(shape).astype(np.float32)


def draw_like(tree):
    """Random variables; variances must be positive."""
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: draw(leaf.shape) ** 2 + 0.5 if "var" in str(path) else draw(leaf.shape),
        tree,
    )


def initialise(module, features):
    """Random variables for a module."""
    return draw_like(jax.eval_shape(lambda: module.init(jax.random.key(0), features, train=False)))


def intermediates(model, variables, features):
    """The logits, and the outputs of all layers."""
    run = jax.jit(lambda x: model.apply(variables, x, train=False, capture_intermediates=True))
    (logits, _), state = run(features)
    return logits, state["intermediates"]


def count(name, shape, num_classes, **fields):
    model = create_model(name, num_classes=num_classes, **fields)
    variables = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, *shape)), train=False)
    )
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables["params"]))


def test_parallel_has_as_many_parameters_as_the_stored_weights():
    # These hold the inner CNN's dense layers 256 → 128 → 32 → 8 too, which its output bypasses.
    unused = 257 * 128 + 129 * 32 + 33 * 8
    assert count("fma_parallel", (640, 84), 8) == 731_664 - unused


def convolve(x, conv, norm, statistics):
    """Zero-padded convolution [frames, bins, channels], batch norm and ReLU, with scipy."""
    kernel = conv["kernel"]
    total = [
        sum(
            signal.correlate2d(np.pad(x[..., i], [(k // 2, k // 2) for k in kernel.shape[:2]]),
                               kernel[..., i, o], mode="valid")
            for i in range(kernel.shape[2])
        )
        for o in range(kernel.shape[3])
    ]  # fmt: skip
    y = np.stack(total, axis=-1) + conv["bias"]
    y = (y - statistics["mean"]) / np.sqrt(statistics["var"] + 1e-5)
    return np.maximum(y * norm["scale"] + norm["bias"], 0)


def test_densenet_block_is_its_formula():
    x = draw((1, 7, 6, 2))
    block = DenseNetBlock(features=3, kernel=(5, 3))
    variables = initialise(block, x)
    params, statistics = variables["params"], variables["batch_stats"]

    def layer(x, number):
        norm = f"norm{number}"
        return convolve(x, params[f"conv{number}"], params[norm], statistics[norm])

    first = layer(x[0], 1)
    second = layer(np.concatenate([x[0], first], -1), 2)
    expected = layer(np.concatenate([x[0], first, second], -1), 3)
    actual = jax.jit(lambda x: block.apply(variables, x, train=False))(x)[0]
    assert second.shape[-1] == 2 + 3
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


def test_temporal_cnns_first_kernel_spans_all_bins():
    x = draw((1, 12, 6))
    model = create_model("temporal_cnn", num_classes=4, **ALONG_TIME)
    variables = initialise(model, x)
    _, layers = intermediates(model, variables, x)
    conv = variables["params"]["block1"]["conv"]
    padded = np.pad(x[0], [(2, 2), (0, 0)])
    expected = [
        signal.correlate2d(padded, conv["kernel"][:, 0, :, channel], mode="valid")[:, 0]
        for channel in range(conv["kernel"].shape[-1])
    ]
    actual, bias = layers["block1"]["conv"]["__call__"][0]  # for the batch norm to add
    np.testing.assert_array_equal(bias, conv["bias"])
    actual = actual[0, :, 0]
    np.testing.assert_allclose(actual, np.stack(expected, axis=-1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("block", ["basic", "resnet", "densenet"])
def test_freq_cnn_keeps_bins_apart_until_the_dense_layers(block):
    x = draw((1, 12, 6))
    model = create_model("freq_cnn", num_classes=4, **ALONG_TIME, block=block)
    variables = initialise(model, x)
    other = x + (np.arange(6) == 2)
    before, after = (
        jax.tree.leaves(intermediates(model, variables, features)[1]["block1"]["__call__"])[0]
        for features in (x, other)
    )
    changed = np.any(np.asarray(before) != np.asarray(after), axis=(0, 1, 3))
    # A basic block pools inside.
    np.testing.assert_array_equal(changed, np.arange(6) == 2)


def test_blocks_may_differ_by_layer():
    model = create_model("freq_cnn", num_classes=4, block=("basic", "densenet", "resnet", "basic"))
    params = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, 640, 84)), train=False)
    )["params"]
    kinds = [sorted(params[f"block{layer}"]) for layer in (1, 2, 3, 4)]
    assert kinds[0] == kinds[3] == ["conv", "norm"]
    assert kinds[1] == ["conv1", "conv2", "conv3", "norm1", "norm2", "norm3"]
    assert kinds[2] == ["conv1", "conv2", "norm1", "norm2", "shortcut"]


def test_the_parallel_networks_recurrent_layer_sees_means():
    x = draw((1, 13, 6))
    model = create_model("fma_parallel", num_classes=4, **TINY, units=4, average=4)
    variables = initialise(model, x)
    shuffled = np.concatenate([x[:, :12].reshape(1, 3, 4, 6)[:, :, ::-1].reshape(1, 12, 6),
                               draw((1, 1, 6))], axis=1)  # fmt: skip
    logits, layers = intermediates(model, variables, x)
    other_logits, other_layers = intermediates(model, variables, shuffled)
    states, other_states = (tree["rnn"]["__call__"][0] for tree in (layers, other_layers))
    np.testing.assert_allclose(states, other_states, atol=1e-6)
    assert np.abs(logits - other_logits).max() > 1e-2  # the convolutions see all frames


def test_branch_layer_is_the_notebooks_densenet_form():
    model = create_model(
        "fma_parallel",
        num_classes=8,
        widths=(16, 16, 32, 32),
        kernels=((5, 1),) * 4,
        pools=((4, 1), (4, 1), (4, 1), (6, 1)),
        block="densenet",
        branch_units=512,
    )
    params = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, 640, 84)), train=False)
    )["params"]
    assert params["branch"]["kernel"].shape == (84 * 32, 512)
    assert params["dense1"]["kernel"].shape == (512 + 2 * 128, 256)


@pytest.mark.parametrize(("name", "steps"), [("fma_crnn", 41), ("fma_parallel", 65)])
def test_longer_clips_give_more_steps(name, steps):
    model = create_model(name, num_classes=4)

    def run(x):
        return model.init_with_output(
            jax.random.key(0), x, train=False, capture_intermediates=True
        )[1]

    layers = jax.eval_shape(run, jnp.zeros((1, 1312, 84)))["intermediates"]
    assert layers["rnn"]["forward"]["__call__"][0].shape == (1, steps, 128)


@pytest.mark.parametrize(
    ("name", "fields", "shape", "code", "named"),
    [
        ("freq_cnn", {"block": "dens"}, (640, 84), "unknown_name", "block"),
        ("freq_cnn", {"block": ("basic",)}, (640, 84), "model.wrong_sizes", "1 blocks"),
        (
            "square_cnn",
            {"pools": ((4, 0),) * 4},
            (640, 84),
            "model.wrong_sizes",
            "4 rows of 2",
        ),
        ("square_cnn", {}, (640, 59), "model.clip_too_small", "384 frames of 60 bins"),
        ("temporal_cnn", {}, (383, 84), "model.clip_too_small", "384 frames of 1 bins"),
        ("fma_crnn", {"cell": "gur"}, (640, 84), "unknown_name", "gru"),
        ("fma_crnn", {"directions": 3}, (640, 84), "model.out_of_range", "directions"),
        ("fma_parallel", {"average": 700}, (640, 84), "model.clip_too_small", "700 frames"),
    ],
    ids=str,
)
def test_errors_say_what_to_do(name, fields, shape, code, named):
    with user_error(code, name, named):
        count(name, shape, 4, **fields)
