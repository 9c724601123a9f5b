"""Mixing the examples of a batch: what rows hold, and who is mixed with whom."""

import jax
import numpy as np
import pytest
import scipy.stats

from mgr_jax.audio.augment import example_keys, make_augment, mixing

SHAPES = [(16, 500), (16, 40, 6), (16, 40, 6, 2)]


def batch(shape) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def run(transform, inputs, index=None, **settings):
    keys = example_keys(3, np.arange(len(inputs)) if index is None else index)
    program = jax.jit(transform, static_argnames="alpha")
    mixed, partner, share, _ = jax.device_get(program(keys, inputs, **settings))
    assert partner.dtype == np.int32
    assert share.dtype == mixed.dtype == np.float32
    assert mixed.shape == inputs.shape
    return mixed, partner, share


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_mixup_is_the_convex_combination_it_reports(shape):
    inputs = batch(shape)
    mixed, partner, share = run(mixing.mixup, inputs)
    weight = share.reshape(-1, *[1] * (len(shape) - 1))
    expected = weight * inputs + (1 - weight) * inputs[partner]
    np.testing.assert_allclose(mixed, expected, atol=1e-6)
    assert (share >= 0).all()
    assert (share <= 1).all()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cutmix_replaces_one_stretch_by_the_partners(shape):
    inputs = batch(shape)
    mixed, partner, share = run(mixing.cutmix, inputs)
    kept = mixed == inputs
    taken = mixed == inputs[partner]
    axes = tuple(range(2, len(shape)))
    own, foreign = kept.all(axis=axes), taken.all(axis=axes)
    np.testing.assert_array_equal(own, ~foreign)
    np.testing.assert_allclose(own.mean(axis=1), share, atol=1e-6)
    starts = np.diff(np.pad(foreign.astype(int), ((0, 0), (1, 1))), axis=1) == 1
    assert (starts.sum(axis=1) <= 1).all()
    assert 0 < share.min() < 0.5 < share.max() < 1


@pytest.mark.parametrize("alpha", [0.4, 1.0, 5.0])
def test_shares_are_beta_distributed(alpha):
    inputs = batch((2000, 500))
    _, _, share = run(mixing.mixup, inputs, alpha=alpha)
    assert scipy.stats.kstest(share, scipy.stats.beta(alpha, alpha).cdf).pvalue > 0.01
    _, _, of_whole_samples = run(mixing.cutmix, inputs, alpha=alpha)
    np.testing.assert_allclose(of_whole_samples, share, atol=0.501 / 500)


@pytest.mark.parametrize("transform", [mixing.mixup, mixing.cutmix])
def test_everybody_has_one_partner_and_nobody_themselves(transform):
    partners = []
    for first in range(0, 320, 16):
        _, partner, _ = run(transform, batch((16, 500)), np.arange(first, first + 16))
        np.testing.assert_array_equal(np.sort(partner), np.arange(16))
        assert (partner != np.arange(16)).all()
        partners.append(tuple(partner))
    assert len(set(partners)) == len(partners)


@pytest.mark.parametrize("transform", [mixing.mixup, mixing.cutmix])
def test_rows_do_not_matter(transform):
    inputs, order = batch((16, 500)), np.random.default_rng(1).permutation(16)
    mixed, partner, share = run(transform, inputs)
    again, partner_again, share_again = run(transform, inputs[order], order)
    np.testing.assert_array_equal(again, mixed[order])
    np.testing.assert_array_equal(share_again, share[order])
    np.testing.assert_array_equal(order[partner_again], partner[order])


@pytest.mark.parametrize("transform", [mixing.mixup, mixing.cutmix])
def test_the_share_belongs_to_the_example(transform):
    inputs = batch((16, 500))
    _, _, share = run(transform, inputs)
    _, _, of_fewer = run(transform, inputs[4:8], np.arange(4, 8))
    np.testing.assert_array_equal(of_fewer, share[4:8])


@pytest.mark.parametrize("transform", [mixing.mixup, mixing.cutmix])
def test_a_single_example_stays_itself(transform):
    inputs = batch((1, 500))
    mixed, partner, _ = run(transform, inputs)
    np.testing.assert_allclose(mixed, inputs, rtol=1e-6)
    assert partner == 0


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_examples_that_are_not_chosen_are_left_whole(name):
    inputs = batch((200, 50))
    inputs[::7] = np.nan  # must not reach those who are not mixed
    augment = make_augment([{"name": name, "p": 0.5, "alpha": 5.0}], sample_rate=8000)
    mixed, _, (partner, share) = jax.jit(augment.inputs)(example_keys(0, np.arange(200)), inputs)
    alone = np.asarray(partner) == np.arange(200)
    assert 75 < alone.sum() < 125
    np.testing.assert_array_equal(np.asarray(share) == 1, alone)
    np.testing.assert_array_equal(mixed[alone], inputs[alone])
    assert partner.dtype == np.int32
