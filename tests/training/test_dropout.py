"""Dropout by example: the same masks in any order, division and place, of any network."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error
from flax import linen as nn
from small_networks import SMALLER

from mgr_jax.models import MODELS, create_model
from mgr_jax.training.dropout import dropout_by_example

BATCH, KEY = 12, jax.random.key(0)
NUMBERS = np.arange(100, 100 + BATCH, dtype=np.uint32)


class TwoLayers(nn.Module):
    """Drops [batch, 50] values twice; what is left of each side by side."""

    @nn.compact
    def __call__(self, x):
        drop = nn.Dropout(0.4, deterministic=False)
        return jnp.concatenate([drop(x), drop(x), nn.Dropout(0.4, deterministic=False)(x)], -1)


def dropped(network, x, index=NUMBERS, key=KEY):
    with dropout_by_example(jnp.asarray(index)):
        return network.apply({}, x, rngs={"dropout": key})


def masks(network, index=NUMBERS, key=KEY):
    return np.asarray(dropped(network, jnp.ones((len(index), 50)), index, key))


def test_a_mask_follows_from_the_example_alone():
    whole = masks(TwoLayers())
    order = np.random.default_rng(0).permutation(BATCH)
    np.testing.assert_array_equal(masks(TwoLayers(), NUMBERS[order]), whole[order])
    parts = [masks(TwoLayers(), part) for part in np.split(NUMBERS, [1, 5])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)

    apply = jax.pmap(lambda index: dropped(TwoLayers(), jnp.ones((3, 50)), index))
    np.testing.assert_array_equal(np.reshape(apply(NUMBERS.reshape(4, 3)), whole.shape), whole)


def test_examples_layers_calls_and_keys_draw_for_themselves():
    found = [masks(TwoLayers()), masks(TwoLayers(), NUMBERS + BATCH)]
    found.append(masks(TwoLayers(), key=jax.random.key(1)))
    rows = np.concatenate([part for each in found for part in np.split(each > 0, 3, axis=1)])
    assert len({row.tobytes() for row in rows}) == len(rows) == 9 * BATCH


def test_as_many_are_dropped_as_flax_drops_and_the_rest_is_scaled_alike():
    layer, index = nn.Dropout(0.3, deterministic=False), np.arange(200, dtype=np.uint32)
    for dtype in (jnp.float32, jnp.bfloat16):
        x = jnp.full((200, 10, 10), 3, dtype)
        found, flax = dropped(layer, x, index), layer.apply({}, x, rngs={"dropout": KEY})
        assert found.dtype == dtype
        assert set(np.unique(found)) == set(np.unique(flax))
        assert abs(float((found == 0).mean()) - 0.3) < 0.015  # 4.6 standard deviations
        assert np.ptp((found == 0).mean(axis=(1, 2))) > 0.1


def test_the_fields_of_the_layer_hold():
    x = jnp.ones((BATCH, 20, 30))
    shared = np.asarray(dropped(nn.Dropout(0.5, (-2,), deterministic=False), x))
    np.testing.assert_array_equal(shared, np.broadcast_to(shared[:, :1], shared.shape))
    assert len({row.tobytes() for row in shared[:, 0]}) == BATCH
    np.testing.assert_array_equal(dropped(nn.Dropout(0.5, deterministic=True), x), x)
    np.testing.assert_array_equal(dropped(nn.Dropout(0.0, deterministic=False), x), x)
    np.testing.assert_array_equal(dropped(nn.Dropout(1.0, deterministic=False), x), 0 * x)
    layer = nn.Dropout(0.5)
    with dropout_by_example(NUMBERS):
        given = layer.apply({}, x, False, KEY)
    np.testing.assert_array_equal(given, layer.apply({}, x, False, KEY))


class Lifted(nn.Module):
    """Drops in a loop over 5 steps of time, and in what is computed anew for the gradient."""

    @nn.compact
    def __call__(self, x):
        again = nn.remat(nn.Dropout)(0.4, deterministic=False)(x)

        def step(layer, carry, x):
            return carry, layer(x)

        scan = nn.scan(step, split_rngs={"dropout": True}, in_axes=1, out_axes=1)
        rows = x.reshape(len(x), 5, 10)
        _, steps = scan(nn.Dropout(0.4, deterministic=False), (), rows)
        return jnp.concatenate([again, steps.reshape(x.shape)], axis=-1)


def test_loops_and_recomputed_layers_drop_alike():
    whole = masks(Lifted())
    np.testing.assert_array_equal(masks(Lifted(), NUMBERS[::-1]), whole[::-1])
    steps = whole[:, 50:].reshape(BATCH, 5, 10).swapaxes(0, 1)
    assert len({step.tobytes() for step in steps}) == 5
    slope = jax.grad(lambda x: dropped(Lifted(), x).sum())(jnp.ones((BATCH, 50)))
    np.testing.assert_allclose(slope, whole[:, :50] + whole[:, 50:], rtol=1e-6)


@pytest.mark.parametrize("shared", [(), (0,), (-2,)])
def test_what_is_not_of_rows_of_examples_is_refused(shared):
    rows = BATCH if shared else BATCH * 5
    with user_error("model.dropout_rows", f"Dropout_0 gets [{rows}, 10]", "12 examples"):

        class Reshaped(nn.Module):
            @nn.compact
            def __call__(self, x):
                return nn.Dropout(0.4, shared, deterministic=False)(x.reshape(-1, 10)[:rows])

        dropped(Reshaped(), jnp.ones((BATCH, 50)))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_networks_drop_by_the_layer_alone_and_along_examples(name):
    """Without a key whatever else would draw fails; 11 is the size of no other axis."""
    fields, shape = SMALLER[name]
    known = [field.name for field in dataclasses.fields(MODELS[name])]
    rates = {field: 0.3 for field in known if field.endswith("dropout")}
    model = create_model(name, num_classes=3, **fields | rates)
    features, given = jnp.zeros((11, *shape)), []

    def look(call, args, kwargs, context):
        layer = context.module
        if not isinstance(layer, nn.Dropout):
            return call(*args, **kwargs)
        if layer.rate and not layer.deterministic:
            given.append(args[0].shape)
            assert not layer.broadcast_dims
        return args[0]

    def run():
        variables = model.init(jax.random.key(0), features, train=False)
        with nn.intercept_methods(look):
            return model.apply(variables, features, train=True, mutable=["batch_stats"])

    jax.eval_shape(run)
    drops = rates or name == "taught"  # whose encoder does
    assert {size for size, *_ in given} == ({11} if drops else set())
