"""Convolutions and their gradients against Flax's, whichever way a CPU computes them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from mgr_jax import onednn
from mgr_jax.models.convolution import Conv

# As layers are, and as no layer is: strides, dilation, padding of one side or beyond the kernel,
# few channels, few positions, many of both.
CASES = {
    "plain": ((2, 9, 8, 5), {"features": 7, "kernel_size": (3, 3)}),
    "one axis, strided": ((3, 40, 6), {"features": 4, "kernel_size": (3,), "strides": 3}),
    "three axes": ((2, 5, 6, 7, 2), {"features": 3, "kernel_size": (2, 3, 2)}),
    "strided, dilated": (
        (2, 17, 13, 5),
        {"features": 4, "kernel_size": (3, 4), "strides": (2, 1), "kernel_dilation": 2,
         "padding": ((0, 3), (2, 1))},
    ),
    "valid": ((2, 9, 8, 5), {"features": 3, "kernel_size": (4, 2), "padding": "VALID"}),
    "one channel": ((3, 40, 1), {"features": 9, "kernel_size": (5,), "padding": ((4, 0),)}),
    "few positions": ((2, 4, 4, 30), {"features": 20, "kernel_size": (3, 3), "use_bias": False}),
    "large": ((2, 23, 19, 130), {"features": 6, "kernel_size": (3, 3)}),
    "padded beyond the kernel": (
        (2, 9, 9, 6), {"features": 4, "kernel_size": (2, 2), "padding": ((3, 2), (0, 2))},
    ),
    "of one position": ((2, 7, 6, 5), {"features": 4, "kernel_size": (1, 1)}),
    "depthwise": (
        (2, 21, 16, 6),
        {"features": 6, "kernel_size": (3, 3), "strides": 2, "depthwise": True,
         "padding": ((1, 1), (1, 1))},
    ),
    "depthwise, dilated": (
        (2, 9, 7, 5),
        {"features": 5, "kernel_size": (5, 5), "kernel_dilation": 2, "depthwise": True,
         "padding": ((4, 4), (4, 4))},
    ),
    "depthwise, wider than the input": (
        (2, 3, 2, 4),
        {"features": 4, "kernel_size": (5, 5), "strides": 2, "depthwise": True,
         "padding": ((2, 2), (2, 2))},
    ),
}  # fmt: skip


def of_flax(settings):
    settings = dict(settings)
    groups = settings["features"] if settings.pop("depthwise", False) else 1
    return nn.Conv(**settings, feature_group_count=groups)


@pytest.fixture(params=["XLA", "oneDNN"])
def backend(request, monkeypatch, built_onednn):
    """Tests take both, where oneDNN is installed; those of the suite have several devices."""
    if request.param == "oneDNN" and not built_onednn:
        pytest.skip("oneDNN or a C++ compiler is not installed")
    using = request.param == "oneDNN"
    monkeypatch.setattr(onednn, "usable", lambda dtype: using and dtype == jnp.float32)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(("shape", "settings"), CASES.values(), ids=CASES)
def test_convolution_and_its_gradients_are_flaxs(shape, settings):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    ours, theirs = Conv(**settings), of_flax(settings)
    params = theirs.init(jax.random.key(0), x)
    jax.tree.map(np.testing.assert_array_equal, ours.init(jax.random.key(0), x), params)
    weights = np.random.default_rng(1).standard_normal(theirs.apply(params, x).shape)

    def value_and_gradients(layer):
        def loss(params, x):
            result = layer.apply(params, x)
            return (result * weights).sum(), result

        gradients, result = jax.grad(loss, (0, 1), has_aux=True)(params, x)
        return result, gradients

    actual, expected = jax.jit(lambda: [value_and_gradients(one) for one in (ours, theirs)])()
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for of_ours, of_flaxs in zip(*map(jax.tree.leaves, (actual, expected)), strict=True):
        np.testing.assert_allclose(of_ours, of_flaxs, rtol=1e-4, atol=1e-4)


def test_a_bias_apart_is_what_the_result_lacks():
    x = np.ones((2, 5, 3), np.float32)
    layer = Conv(4, (3,))
    params = layer.init(jax.random.key(0), x)
    params = {"params": params["params"] | {"bias": np.arange(4.0, dtype=np.float32)}}
    result, bias = layer.apply(params, x, bias_apart=True)
    np.testing.assert_array_equal(result + bias, layer.apply(params, x))
    without = Conv(4, (3,), use_bias=False)
    assert without.init_with_output(jax.random.key(0), x, bias_apart=True)[0][1] is None


@pytest.mark.usefixtures("backend")
def test_convolutions_of_a_half_as_wide_type_are_those_of_rounded_numbers():
    x, kernel = (np.random.default_rng(0).standard_normal(s) for s in ((2, 9, 8, 6), (3, 3, 6, 4)))
    layer = Conv(4, (3, 3), use_bias=False, dtype=jnp.bfloat16)
    rounded = jnp.asarray(kernel, jnp.bfloat16).astype(jnp.float32)
    result = layer.apply({"params": {"kernel": rounded}}, jnp.asarray(x, jnp.bfloat16))
    assert result.dtype == jnp.bfloat16
    wide = Conv(4, (3, 3), use_bias=False)
    exact = wide.apply(
        {"params": {"kernel": rounded}}, jnp.asarray(x, jnp.bfloat16).astype(jnp.float32)
    )
    np.testing.assert_allclose(result.astype(np.float32), exact, rtol=2**-8, atol=2**-8)
