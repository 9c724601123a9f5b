"""Convolutions in loops: in the one order that XLA's CPU code is fast at, with equal values."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax

from mgr_jax.audio.frontends import create_frontend
from mgr_jax.classifier import GenreClassifier
from mgr_jax.models import create_model
from mgr_jax.training.loops import fast_in_loops
from mgr_jax.training.partition import make_partition
from mgr_jax.training.steps import create_state, make_train_step

LAYERS = {  # shape of the input, of the kernel, and how they are convolved
    "image": ((4, 9, 8, 6), (3, 3, 6, 5), {"padding": "SAME"}),
    "strided": ((4, 9, 8, 6), (3, 2, 6, 5), {"window_strides": (2, 3)}),
    "dilated": ((4, 9, 8, 6), (3, 3, 6, 5), {"rhs_dilation": (2, 1)}),
    "depthwise": ((4, 9, 8, 6), (3, 3, 1, 6), {"feature_group_count": 6}),
    "sound": ((4, 30, 6), (5, 6, 7), {"window_strides": (2,)}),
}


@pytest.mark.parametrize("name", LAYERS)
def test_steps_of_a_convolution_in_a_loop_are_those_outside(name):
    shape, kernel_shape, how = LAYERS[name]
    rng = np.random.default_rng(0)
    batches = rng.normal(size=(3, *shape)).astype("f")
    kernel = 0.1 * rng.normal(size=kernel_shape).astype("f")
    order = ("NHWC", "HWIO", "NHWC") if len(shape) == 4 else ("NWC", "WIO", "NWC")
    options = {"padding": "VALID", "window_strides": (1,) * (len(shape) - 2), **how}

    def loss(kernel, x):
        y = lax.conv_general_dilated(x, kernel, dimension_numbers=order, **options)
        return jnp.mean(jnp.square(y - 1))

    def step(kernel, x):  # with the gradient of the input too
        slope, of_input = jax.grad(loss, argnums=(0, 1))(kernel, x)
        return kernel - 0.1 * slope, of_input

    loop = fast_in_loops(lambda kernel, batches: lax.scan(step, kernel, batches))
    last, of_inputs = jax.jit(loop)(kernel, batches)
    for x, of_input in zip(batches, of_inputs, strict=True):
        kernel, expected = jax.jit(step)(kernel, x)
        np.testing.assert_allclose(of_input, expected, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(last, kernel, rtol=1e-5, atol=1e-7)
    program = jax.jit(loop).lower(kernel, batches).as_text()
    space = ", ".join(map(str, range(len(shape) - 2)))
    fast = f"[b, {space}, f]x[{space}, i, o]->[b, {space}, f]"
    assert set(re.findall(r"dim_numbers = (.*?), window", program)) == {fast}


def test_what_no_loop_holds_stays_as_it_is():
    x, kernel = np.ones((2, 5, 6), "f"), np.ones((3, 6, 4), "f")

    def loss(x, kernel):
        order = ("NWC", "WIO", "NWC")
        return lax.conv_general_dilated(x, kernel, (1,), "SAME", dimension_numbers=order).sum()

    slopes = jax.grad(loss, argnums=(0, 1))
    convolutions = [
        re.findall("stablehlo.convolution.*", jax.jit(function).lower(x, kernel).as_text())
        for function in (slopes, fast_in_loops(slopes))
    ]
    assert convolutions[0]
    assert convolutions[0] == convolutions[1]


@pytest.mark.parametrize("name", ["pmap", "jit"])
def test_updates_of_one_dispatch_are_those_made_one_by_one(name):
    partition = make_partition(name, 16, accumulate=2)
    network = create_model(
        "fcn", num_classes=3, axis_name=partition.axis_name, widths=(4,), pools=((2, 2),)
    )
    classifier = GenreClassifier(
        create_frontend("precomputed"), network, input_norm="none", axis_name=partition.axis_name
    )
    rng = np.random.default_rng(0)
    features = rng.normal(size=(16, 3, 8, 8)).astype("f")
    variables = jax.jit(classifier.init)({"params": jax.random.key(0)}, features[:2, 0])
    optimizer = optax.sgd(0.1)
    update = partition.compile_update(
        make_train_step(
            classifier,
            optimizer,
            optax.softmax_cross_entropy_with_integer_labels,
            lambda data, batch: batch["features"],
            seed=0,
            accumulate=2,
        )
    )
    index = np.arange(48, dtype=np.uint32).reshape(3, 16).T
    batches = {"features": features, "index": index, "targets": (index % 3).astype(np.int32)}
    start = jax.device_get(create_state(variables, optimizer))
    together, metrics = update(partition.replicate(start), {}, partition.shard(batches))
    losses = np.ravel(jax.device_get(metrics["loss"]))[:3]
    state = partition.replicate(start)
    for step in range(3):
        batch = jax.tree.map(lambda x, step=step: x[:, step : step + 1], batches)
        state, metrics = update(state, {}, partition.shard(batch))
        loss = np.ravel(jax.device_get(metrics["loss"]))[0]
        np.testing.assert_allclose(losses[step], loss, rtol=1e-5)
    one_by_one, together = map(partition.unreplicate, (state, together))
    assert int(together.step) == 3
    for one, other in zip(*map(jax.tree.leaves, (one_by_one, together)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
