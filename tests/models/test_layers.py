"""Shared blocks against Flax and against equations written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from scipy import signal

from mgr_jax.models.layers import (
    ConvBlock,
    global_max,
    max_pool,
    pool_clips,
)
from mgr_jax.models.recurrent import GRU, LSTM


@pytest.mark.parametrize(
    ("shape", "window"),
    [((2, 13, 11, 3), (2, 2)), ((2, 12, 9, 3), (4, 3)), ((1, 7, 5, 2), (1, 5)), ((2, 30, 4), (3,))],
    ids=str,
)
@pytest.mark.parametrize("rounded", [False, True], ids=["no ties", "many ties"])
def test_max_pool_and_its_gradient_are_flaxs(shape, window, rounded):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x = x.round() if rounded else x
    weights = np.random.default_rng(1).standard_normal(nn.max_pool(x, window, window).shape)

    def value_and_gradient(pool):
        gradient = jax.grad(lambda x: (pool(x) * weights).sum())(x)
        return pool(x), gradient

    actual = value_and_gradient(lambda x: max_pool(x, window))
    expected = value_and_gradient(lambda x: nn.max_pool(x, window, window))
    jax.tree.map(np.testing.assert_array_equal, actual, expected)


@pytest.mark.parametrize(
    ("window", "strides", "padding"),
    [
        ((3, 3), (2, 2), ((1, 1), (1, 1))),
        ((3, 3), (1, 1), ((1, 1), (1, 1))),
        ((4, 1), (2, 2), None),
    ],
    ids=str,
)
def test_overlapping_max_pool_and_its_gradient_are_flaxs(window, strides, padding):
    x = np.random.default_rng(0).standard_normal((2, 13, 10, 3)).astype(np.float32)

    def theirs(x):
        return nn.max_pool(x, window, strides, padding or "VALID")

    weights = np.random.default_rng(1).standard_normal(theirs(x).shape).astype(np.float32)

    def value_and_gradient(pool):
        return pool(x), jax.grad(lambda x: (pool(x) * weights).sum())(x)

    value, gradient = value_and_gradient(lambda x: max_pool(x, window, strides, padding))
    their_value, their_gradient = value_and_gradient(theirs)
    np.testing.assert_array_equal(value, their_value)
    np.testing.assert_allclose(gradient, their_gradient, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 7, 12])
def test_global_max_and_its_gradient(size):
    x = np.random.default_rng(0).permutation(3.0 * np.arange(4 * size * 5)).reshape(4, size, 5)
    weights = np.random.default_rng(1).standard_normal((4, 5))
    np.testing.assert_array_equal(global_max(x), x.max(axis=1))
    gradient = jax.grad(lambda x: (global_max(x) * weights).sum())(x)
    expected = np.where(x == x.max(axis=1, keepdims=True), weights[:, None], 0)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)
    # Of equal ones a single one gets it.
    equal = jax.grad(lambda x: global_max(x, axis=2).sum())(np.zeros((2, 3, size)))
    assert sorted(np.unique(equal)) == ([0, 1] if size > 1 else [1])
    np.testing.assert_array_equal(equal.sum(axis=2), np.ones((2, 3)))


@pytest.mark.parametrize("gate", ["sigmoid", "hard_sigmoid"])
def test_gru_follows_its_equations(gate):
    batch, steps, features, units = 3, 7, 5, 4
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, steps, features)).astype(np.float32)
    model = GRU(units, gate)
    params = model.init(jax.random.key(0), x)["params"]
    params = jax.tree.map(lambda leaf: rng.standard_normal(leaf.shape).astype(np.float32), params)

    def squash(a):
        return 1 / (1 + np.exp(-a)) if gate == "sigmoid" else np.clip(0.2 * a + 0.5, 0, 1)

    def total(name, x, h):
        dense = params[name]
        return x @ dense["kernel"] + dense["bias"] + h @ params[f"{name}_state"]

    h, expected = np.zeros((batch, units)), []
    for t in range(steps):
        z = squash(total("update", x[:, t], h))
        r = squash(total("reset", x[:, t], h))
        candidate = np.tanh(total("candidate", x[:, t], r * h))
        h = z * h + (1 - z) * candidate
        expected.append(h)
    states = model.apply({"params": params}, x)
    np.testing.assert_allclose(states, np.stack(expected, axis=1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("gate", ["sigmoid", "hard_sigmoid"])
def test_lstm_follows_its_equations(gate):
    batch, steps, features, units = 3, 7, 5, 4
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, steps, features)).astype(np.float32)
    model = LSTM(units, gate)
    params = model.init(jax.random.key(0), x)["params"]
    assert np.all(params["forget"]["bias"] == 1)
    assert np.all(params["input"]["bias"] == 0)
    params = jax.tree.map(lambda leaf: rng.standard_normal(leaf.shape).astype(np.float32), params)

    def squash(a):
        return 1 / (1 + np.exp(-a)) if gate == "sigmoid" else np.clip(0.2 * a + 0.5, 0, 1)

    h, c, expected = np.zeros((batch, units)), np.zeros((batch, units)), []
    for t in range(steps):

        def total(name, x=x[:, t], h=h):
            dense = params[name]
            return x @ dense["kernel"] + dense["bias"] + h @ params[f"{name}_state"]

        i, f, o = (squash(total(name)) for name in ("input", "forget", "output"))
        c = f * c + i * np.tanh(total("candidate"))
        h = o * np.tanh(c)
        expected.append(h)
    states = model.apply({"params": params}, x)
    np.testing.assert_allclose(states, np.stack(expected, axis=1), rtol=0, atol=1e-5)


def test_lstm_is_flaxs():
    x = np.random.default_rng(0).standard_normal((3, 7, 5)).astype(np.float32)
    params = LSTM(4).init(jax.random.key(0), x)["params"]
    theirs = {}
    for ours, letter in (("input", "i"), ("forget", "f"), ("candidate", "g"), ("output", "o")):
        theirs[f"i{letter}"] = {"kernel": params[ours]["kernel"]}
        bias = params[ours]["bias"]
        theirs[f"h{letter}"] = {"kernel": params[f"{ours}_state"], "bias": bias}
    rnn = nn.RNN(nn.OptimizedLSTMCell(4))
    expected = rnn.apply({"params": {"cell": theirs}}, x)
    actual = LSTM(4).apply({"params": params}, x)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


def test_conv_block_over_one_axis_is_correlation_norm_relu_and_pooling():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 31, 3)).astype(np.float32)
    block = ConvBlock(4, (2,), kernel=(3,), stride=3, padding="VALID", epsilon=1e-3)
    variables = jax.tree.map(
        lambda leaf: rng.uniform(0.5, 1.5, leaf.shape).astype(np.float32),
        block.init(jax.random.key(0), x, train=False),
    )
    conv, norm = (variables["params"][part] for part in ("conv", "norm"))
    stats = variables["batch_stats"]["norm"]
    expected = np.empty((2, 10, 4))
    for example, channel in np.ndindex(2, 4):
        full = signal.correlate(x[example], conv["kernel"][..., channel], mode="valid")[::3, 0]
        scale = norm["scale"][channel] / np.sqrt(stats["var"][channel] + 1e-3)
        shift = conv["bias"][channel] - stats["mean"][channel]
        expected[example, :, channel] = (full + shift) * scale + norm["bias"][channel]
    expected = np.maximum(expected, 0).reshape(2, 5, 2, 4).max(axis=2)
    actual, _ = block.apply(variables, x, train=False)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4)


def test_conv_block_shares_batch_statistics_between_devices():
    x = np.random.default_rng(0).standard_normal((4, 8, 8, 2)).astype(np.float32)
    settings = {"features": 3, "pool": (2, 4)}
    variables = ConvBlock(**settings).init(jax.random.key(0), x, train=False)

    def train(block, x):
        (y, _), updates = block.apply(variables, x, train=True, mutable=["batch_stats"])
        return y, updates

    whole, whole_state = train(ConvBlock(**settings), x)
    assert whole.shape == (4, 4, 2, 3)
    per_device = jax.pmap(
        lambda x: train(ConvBlock(**settings, axis_name="batch"), x),
        axis_name="batch",
        devices=jax.devices()[:2],
    )
    halves, state = per_device(x.reshape(2, 2, 8, 8, 2))
    np.testing.assert_allclose(halves.reshape(whole.shape), whole, rtol=0, atol=1e-5)
    for device in range(2):
        jax.tree.map(
            lambda ours, wholes, device=device: np.testing.assert_allclose(
                ours[device], wholes, rtol=0, atol=1e-6
            ),
            state,
            whole_state,
        )


def test_a_clip_that_fills_no_window_keeps_the_maximum_of_what_there_is():
    x = np.random.default_rng(0).standard_normal((3, 10, 2)).astype(np.float32)
    pooled, lengths = pool_clips(x, (4,), jnp.array([1, 3, 9]))
    np.testing.assert_array_equal(lengths, [1, 1, 2])
    for clip, count, result in zip(x, (1, 3, 4), pooled, strict=True):
        np.testing.assert_array_equal(result[0], clip[:count].max(axis=0))
    np.testing.assert_array_equal(pooled[:2, 1:], 0)
