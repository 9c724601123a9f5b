"""What runs once is compiled in parts, with the values of one program."""

import gc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from mgr_jax.random_keys import quick_key
from mgr_jax.tracing import run_once, without_collection


class _Inner(nn.Module):
    width: int

    @nn.compact
    def __call__(self, x, _):
        return nn.relu(nn.Dense(self.width)(x)), None


class _Network(nn.Module):
    """Parameters of every kind: alike, drawn otherwise, constant, in a scan, statistics."""

    @nn.compact
    def __call__(self, x):
        for _ in range(3):
            x = nn.Dense(8, kernel_init=nn.initializers.he_normal())(x)
        x = nn.Dense(8, kernel_init=nn.initializers.orthogonal())(x)
        x = nn.BatchNorm(use_running_average=False)(x)
        x, _ = nn.scan(_Inner, variable_axes={"params": 0}, split_rngs={"params": True}, length=2)(
            8
        )(x, None)
        table = self.param(
            "table", lambda key: jnp.asarray(np.arange(3.0)) * jax.random.uniform(key)
        )
        return nn.Dense(4, kernel_init=nn.initializers.uniform(0.1))(x) * table.sum()


def test_outputs_are_those_of_one_program():
    x = np.zeros((2, 8), np.float32)
    wanted = jax.jit(_Network().init)(jax.random.key(3), x)
    variables = run_once(_Network().init, quick_key(3), x)
    assert jax.tree.structure(variables) == jax.tree.structure(wanted)
    # But for rounding: XLA orders sums of the orthogonal matrix as it likes.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-6, 1e-6), variables, wanted)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(variables))


def test_programs_are_shared_only_where_their_constants_are_equal():
    def function(x):
        def adding(row):
            return jax.jit(lambda x: x + row)

        sums = [adding(np.full(3, number, np.float32))(x) for number in range(3)]
        return sums, x, 2.0 * jnp.ones(2), jnp.float32(5)

    outputs = run_once(function, np.ones(3, np.float32))
    wanted = jax.jit(function)(np.ones(3, np.float32))
    jax.tree.map(np.testing.assert_array_equal, outputs, wanted)


@pytest.mark.parametrize("width", [8, 16, 32])
def test_a_quick_key_draws_what_a_key_of_jax_draws(width):
    quick, key = quick_key(7), jax.random.key(7)
    for one, other in [
        (quick, key),
        (jax.random.fold_in(quick, 2**32 - 1), jax.random.fold_in(key, 2**32 - 1)),
        (jax.random.split(quick, (2, 3))[1, 2], jax.random.split(key, (2, 3))[1, 2]),
    ]:
        for shape in ((), (5,), (3, 1, 7)):
            bits = [jax.random.bits(k, shape, f"uint{width}") for k in (one, other)]
            np.testing.assert_array_equal(*bits)


def test_a_generator_that_the_user_has_chosen_is_kept():
    with jax.default_prng_impl("rbg"):
        assert str(jax.random.key_impl(quick_key(0))) == "rbg"
    with jax.threefry_partitionable(False):
        assert str(jax.random.key_impl(quick_key(0))) == "threefry2x32"


def test_without_collection_collects_again_afterwards_where_it_did():
    within = without_collection(gc.isenabled)
    assert gc.isenabled()
    assert not within()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        without_collection(lambda: 1 / 0)()
    assert gc.isenabled()
    gc.disable()
    try:
        within()
        assert not gc.isenabled()
    finally:
        gc.enable()
