"""Batch normalisation, and pooling with it, against Flax's layers one after the other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from mgr_jax.models.layers import max_pool
from mgr_jax.models.normalisation import BatchNorm

SHAPES = {
    "plain": ((4, 9, 8, 5), ()),
    "window of one": ((4, 9, 8, 5), (1, 1)),
    "pooled, with rests": ((4, 13, 10, 6), (3, 2)),
    "one axis": ((4, 29, 5), (4,)),
    "large windows": ((2, 40, 20, 3), (20, 9)),
}


def random_variables(channels):
    rng = np.random.default_rng(1)
    scale, bias, mean = rng.standard_normal((3, channels)).astype(np.float32)
    var = rng.uniform(0.5, 2, channels).astype(np.float32)
    return {"scale": scale, "bias": bias}, {"mean": mean, "var": var}


@pytest.mark.parametrize(("shape", "window"), SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("rounded", [False, True], ids=["no ties", "many ties"])
def test_values_statistics_and_gradients_are_flaxs(shape, window, train, rounded):
    rng = np.random.default_rng(0)
    x = (2 * rng.standard_normal(shape) + 1).astype(np.float32)
    x = x.round() if rounded else x
    shift = rng.standard_normal(shape[-1]).astype(np.float32).round()
    params, stats = random_variables(shape[-1])
    settings = {"momentum": 0.9, "epsilon": 1e-3}

    def theirs(params, x, shift):
        layer = nn.BatchNorm(use_running_average=not train, **settings)
        variables = {"params": params, "batch_stats": stats}
        y, state = layer.apply(variables, x + shift, mutable=["batch_stats"])
        return max_pool(y, window) if window else y, state

    def ours(params, x, shift):
        layer = BatchNorm(train=train, **settings)
        variables = {"params": params, "batch_stats": stats}
        return layer.apply(variables, x, shift=shift, window=window, mutable=["batch_stats"])

    weights = rng.standard_normal(theirs(params, x, shift)[0].shape).astype(np.float32)

    def everything(layer):
        def loss(*args):
            y, state = layer(*args)
            return (y * weights).sum(), (y, state)

        return jax.grad(loss, (0, 1, 2), has_aux=True)(params, x, shift)

    actual, expected = jax.jit(lambda: (everything(ours), everything(theirs)))()
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for a, b in zip(*map(jax.tree.leaves, (actual, expected)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-4)


def test_other_axes_and_types_are_flaxs():
    x = np.random.default_rng(0).standard_normal((3, 5, 4, 2)).astype(np.float32)
    settings = {"axis": 1, "dtype": jnp.bfloat16}
    theirs = nn.BatchNorm(use_running_average=False, **settings)
    variables = theirs.init(jax.random.key(0), x)
    expected = theirs.apply(variables, x, mutable=["batch_stats"])
    actual = BatchNorm(train=True, **settings).apply(variables, x, mutable=["batch_stats"])
    assert actual[0].dtype == jnp.bfloat16
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(
            np.asarray(a, np.float32), np.asarray(b, np.float32), rtol=2**-7, atol=2**-7
        ),
        actual,
        expected,
    )
