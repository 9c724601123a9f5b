"""SampleCNN and its kin against their published tables, written out with SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error
from scipy import signal, special

from mgr_jax.models import create_model

SMALL = {"depth": 3, "widths": (4, 5, 6)}


def random_variables(model, samples):
    rng = np.random.default_rng(0)
    variables = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, samples, 1)), train=False)
    )

    def values(path, leaf):
        # Kernels as at the start of training; norms that do more than nothing.
        width = (2 / np.prod(leaf.shape[:-1])) ** 0.5
        matrix = path[-1].key == "kernel"
        draw = rng.normal(0, width, leaf.shape) if matrix else rng.uniform(0.5, 1.5, leaf.shape)
        return draw.astype(np.float32)

    return jax.tree_util.tree_map_with_path(values, variables)


class Layers:
    """The layers of one block, with its variables, on one clip [samples, channels]."""

    def __init__(self, params, stats, epsilon, gates=None):
        self.params, self.stats, self.epsilon, self.gates = params, stats, epsilon, gates

    def conv(self, x, name, stride=1, pad=None):
        kernel, bias = self.params[name]["kernel"], self.params[name]["bias"]
        half = len(kernel) // 2 if pad is None else pad
        x = np.pad(x, ((half, half), (0, 0)))
        outputs = [signal.correlate(x, k, mode="valid")[:, 0] for k in np.moveaxis(kernel, 2, 0)]
        return np.stack(outputs, axis=1)[::stride] + bias

    def norm(self, x, name):
        stats, params = self.stats[name], self.params[name]
        x = (x - stats["mean"]) / np.sqrt(stats["var"] + self.epsilon)
        return x * params["scale"] + params["bias"]

    def gate(self, x, gates):
        squeeze, excite = gates["squeeze"], gates["excite"]
        hidden = np.maximum(x.mean(axis=0) @ squeeze["kernel"] + squeeze["bias"], 0)
        return x * special.expit(hidden @ excite["kernel"] + excite["bias"])

    def basic(self, x, pool=1, stride=1, pad=None):
        x = np.maximum(self.norm(self.conv(x, "conv", stride, pad), "norm"), 0)
        x = max_pool(x, pool)
        return self.gate(x, self.gates) if self.gates else x

    def residual(self, x, pool=1, stride=1):
        shortcut = x
        if "shortcut" in self.params:
            shortcut = self.norm(self.conv(x, "shortcut", stride), "shortcut_norm")
        x = np.maximum(self.norm(self.conv(x, "conv1", stride), "norm1"), 0)
        x = self.norm(self.conv(x, "conv2"), "norm2")
        if "gate" in self.params:
            x = self.gate(x, self.params["gate"])
        return max_pool(np.maximum(x + shortcut, 0), pool)


def max_pool(x, size):
    return x[: len(x) // size * size].reshape(-1, size, x.shape[1]).max(axis=1)


def dense(variables, name, x):
    return x @ variables["params"][name]["kernel"] + variables["params"][name]["bias"]


def dense_block(variables, x, epsilon):
    top = Layers(variables["params"], variables["batch_stats"], epsilon)
    return np.maximum(top.norm(dense(variables, "dense", x), "dense_norm"), 0)


def run(name, samples, epsilon, **fields):
    """Variables, a block's layers by name, one clip, and what the network makes of it."""
    model = create_model(name, num_classes=5, **SMALL, **fields)
    variables = random_variables(model, samples)
    clip = np.random.default_rng(1).standard_normal((samples, 1)).astype(np.float32)
    logits, intermediates = model.apply(variables, clip[None], train=False)
    np.testing.assert_allclose(
        logits[0], dense(variables, "head", intermediates["embedding"][0]), rtol=1e-3, atol=1e-3
    )
    embedding = np.asarray(intermediates["embedding"][0])

    def layers(block):
        params, stats = variables["params"], variables["batch_stats"]
        return Layers(params[block], stats[block], epsilon, params.get(f"{block}_gate"))

    return variables, layers, clip, embedding


def assert_equal(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "samples", "pad", "epsilon"),
    [
        ("sample_cnn", 81, 0, 1e-3),
        ("sample_cnn", 170, 0, 1e-3),
        ("clmr", 81, 0, 1e-5),
        ("won_sample_cnn", 79, 1, 1e-5),
    ],
)
def test_layers_are_as_published(name, samples, pad, epsilon):
    _, layers, x, embedding = run(name, samples, epsilon)
    x = layers("stem").basic(x, stride=3, pad=pad)
    for block in ("block1", "block2", "block3"):
        x = layers(block).basic(x, pool=3)
    assert_equal(embedding, layers("last").basic(x).max(axis=0))


@pytest.mark.parametrize("name", ["sample_cnn_se", "sample_cnn_res", "sample_cnn_rese"])
def test_multi_level_features_are_as_published(name):
    variables, layers, x, embedding = run(name, 170, 1e-3, gate_ratio=2.0, dense_units=7)
    outputs = [layers("stem").basic(x, stride=3, pad=0)]
    for block in ("block1", "block2", "block3"):
        apply = layers(block).basic if name == "sample_cnn_se" else layers(block).residual
        outputs.append(apply(outputs[-1], pool=3))
    features = np.concatenate([x.max(axis=0) for x in outputs[1:]])
    assert_equal(embedding, dense_block(variables, features, 1e-3))


def test_won_se_is_residual_from_stem_to_last_layer():
    variables, layers, x, embedding = run("won_sample_cnn_se", 79, 1e-5, dense_units=7)
    x = layers("stem").residual(x, stride=3)
    for block in ("block1", "block2", "block3"):
        x = layers(block).residual(x, pool=3)
    x = layers("last").residual(x).max(axis=0)
    assert_equal(embedding, dense_block(variables, x, 1e-5))


def channels(name, **fields):
    model = create_model(name, num_classes=5, **fields)
    variables = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, model.min_samples, 1)), train=False)
    )
    params = variables["params"]
    names = ["stem", *(f"block{i}" for i in range(1, model.depth + 1)), "last"]
    return model.min_samples, [params[name]["conv"]["kernel"].shape[::2] for name in names]


def test_channels_of_the_published_models():
    samples, shapes = channels("sample_cnn")
    assert samples == 59_049
    assert shapes == [(3, 128)] + [(3, 128)] * 2 + [(3, 256)] * 6 + [(3, 512), (1, 512)]
    samples, shapes = channels("sample_cnn", base=2, depth=13)
    assert samples == 16_384
    assert shapes == [(2, 128)] + [(2, 128)] * 2 + [(2, 256)] * 10 + [(2, 512), (1, 512)]
    assert channels("sample_cnn", depth=8)[0] == 19_683
    assert channels("clmr")[1][-1] == (3, 512)


@pytest.mark.parametrize(
    ("name", "fewest"), [("sample_cnn", 81), ("won_sample_cnn", 79), ("won_sample_cnn_se", 79)]
)
def test_clips_too_short_are_rejected(name, fewest):
    model = create_model(name, num_classes=10, **SMALL)
    shapes = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, fewest, 1)), train=False)
    )
    assert shapes["params"]
    with user_error("model.clip_too_small", name, fewest):
        model.init(jax.random.key(0), jnp.zeros((1, fewest - 1, 1)), train=False)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"base": 1}, "model.out_of_range"),
        ({"block": "resse"}, "unknown_name"),
        ({"levels": 11}, "model.out_of_range"),
        ({"widths": (128, 256)}, "model.wrong_sizes"),
    ],
    ids=str,
)
def test_fields_are_checked(fields, code):
    with user_error(code, "sample_cnn", *fields):
        create_model("sample_cnn", num_classes=10, **fields)
