"""Mixing the examples of a batch: what rows hold, and who is mixed with whom."""

import re

import jax
import numpy as np
import pytest
import scipy.stats
from jax.sharding import NamedSharding, PartitionSpec

from mgr_jax.audio.augment import example_keys, make_augment, mixing

SHAPES = [(16, 500), (16, 40, 6), (16, 40, 6, 2)]
PARTNER = np.arange(16) ^ 1  # who stands beside each of a batch


def batch(shape) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def run(transform, inputs, index=None, **settings):
    keys = example_keys(3, np.arange(len(inputs)) if index is None else index)
    program = jax.jit(transform, static_argnames="alpha")
    mixed, share, _ = jax.device_get(program(keys, inputs, **settings))
    assert share.dtype == mixed.dtype == np.float32
    assert mixed.shape == inputs.shape
    return mixed, share


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_mixup_is_the_convex_combination_it_reports(shape):
    inputs = batch(shape)
    mixed, share = run(mixing.mixup, inputs)
    weight = share.reshape(-1, *[1] * (len(shape) - 1))
    expected = weight * inputs + (1 - weight) * inputs[PARTNER]
    np.testing.assert_allclose(mixed, expected, atol=1e-6)
    assert (share >= 0).all()
    assert (share <= 1).all()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cutmix_replaces_one_stretch_by_the_partners(shape):
    inputs = batch(shape)
    mixed, share = run(mixing.cutmix, inputs)
    kept = mixed == inputs
    taken = mixed == inputs[PARTNER]
    axes = tuple(range(2, len(shape)))
    own, foreign = kept.all(axis=axes), taken.all(axis=axes)
    np.testing.assert_array_equal(own, ~foreign)
    np.testing.assert_allclose(own.mean(axis=1), share, atol=1e-6)
    starts = np.diff(np.pad(foreign.astype(int), ((0, 0), (1, 1))), axis=1) == 1
    assert (starts.sum(axis=1) <= 1).all()
    assert 0 <= share.min() < 0.5 < share.max() <= 1


@pytest.mark.parametrize("alpha", [0.4, 1.0, 5.0])
def test_shares_are_beta_distributed(alpha):
    inputs = batch((2000, 500))
    _, share = run(mixing.mixup, inputs, alpha=alpha)
    assert scipy.stats.kstest(share, scipy.stats.beta(alpha, alpha).cdf).pvalue > 0.01
    _, of_whole_samples = run(mixing.cutmix, inputs, alpha=alpha)
    np.testing.assert_allclose(of_whole_samples, share, atol=0.501 / 500)


def test_partners_stand_side_by_side():
    for shape in SHAPES:
        np.testing.assert_array_equal(mixing.of_partners(batch(shape)), batch(shape)[PARTNER])
    np.testing.assert_array_equal(mixing.of_partners(np.arange(5)), [1, 0, 3, 2, 4])


def test_no_partner_comes_from_another_device():
    mesh = jax.make_mesh((4,), ("devices",))
    spread = NamedSharding(mesh, PartitionSpec("devices"))
    for transform in (mixing.mixup, mixing.cutmix):
        keys = jax.eval_shape(lambda: example_keys(3, np.arange(16)))
        inputs = jax.ShapeDtypeStruct((16, 500), np.float32)
        program = jax.jit(transform, in_shardings=spread, out_shardings=spread)
        text = program.lower(keys, inputs).compile().as_text()
        assert not re.search("all-gather|all-reduce|all-to-all|collective-permute", text)


@pytest.mark.parametrize("transform", [mixing.mixup, mixing.cutmix])
def test_what_a_pair_makes_follows_from_the_two_alone(transform):
    inputs = batch((16, 500))
    mixed, share = run(transform, inputs)
    pairs = np.random.default_rng(1).permutation(8)
    order = np.stack([2 * pairs, 2 * pairs + 1], axis=1)
    order[::2] = order[::2, ::-1]  # whoever stands first
    order = order.reshape(-1)
    again, share_again = run(transform, inputs[order], order)
    np.testing.assert_array_equal(again, mixed[order])
    np.testing.assert_array_equal(share_again, share[order])
    some, of_fewer = run(transform, inputs[4:8], np.arange(4, 8))
    np.testing.assert_array_equal(some, mixed[4:8])
    np.testing.assert_array_equal(of_fewer, share[4:8])


@pytest.mark.parametrize("transform", [mixing.mixup, mixing.cutmix])
def test_the_last_of_an_odd_batch_stays_itself(transform):
    inputs = batch((3, 500))
    mixed, _ = run(transform, inputs)
    np.testing.assert_allclose(mixed[2], inputs[2], rtol=1e-6)
    assert (mixed[:2] != inputs[:2]).any(axis=1).all()


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_examples_that_are_not_chosen_are_left_whole(name):
    inputs = batch((200, 50))
    inputs[::7] = np.nan  # must not reach those who are not mixed
    augment = make_augment([{"name": name, "p": 0.5, "alpha": 5.0}], sample_rate=8000)
    mixed, _, share = jax.jit(augment.inputs)(example_keys(0, np.arange(200)), inputs)
    alone = np.asarray(share) == 1
    assert 75 < alone.sum() < 125
    np.testing.assert_array_equal(mixed[alone], inputs[alone])
