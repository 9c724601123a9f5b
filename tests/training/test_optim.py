"""Schedules, decay masks and losses against values computed otherwise."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from sklearn.utils.class_weight import compute_class_weight

from mgr_jax.config import base_config
from mgr_jax.training.optim import (
    balanced_weights,
    binary_cross_entropy,
    cross_entropy,
    decay_mask,
    make_optimizer,
    make_schedule,
)


def schedule(name, **options):
    config = base_config()
    config.num_steps = 100
    config.optimizer.learning_rate = 0.1
    config.schedule.update({"name": name, **options})
    return make_schedule(config)


def test_one_cycle_rises_to_the_peak_and_falls_to_almost_nothing():
    rate = schedule("one_cycle", warmup_fraction=0.3, initial_fraction=0.04, final_fraction=1e-4)
    np.testing.assert_allclose(
        [rate(0), rate(15), rate(30), rate(65), rate(100)],
        [0.004, 0.052, 0.1, 0.050005, 1e-5],
        rtol=1e-4,
    )


def test_cosine_and_constant():
    rate = schedule("cosine", warmup_fraction=0.2, initial_fraction=0.0, final_fraction=0.0)
    np.testing.assert_allclose([rate(10), rate(20), rate(60)], [0.05, 0.1, 0.05], rtol=1e-5)
    rate = schedule("constant")
    np.testing.assert_allclose([rate(0), rate(99)], 0.1)


def test_decay_leaves_biases_and_norms_alone():
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2), "scale": jnp.ones(2)}
    assert decay_mask(params) == {"kernel": True, "bias": False, "scale": False}
    config = base_config()
    config.optimizer.weight_decay = 0.5
    config.schedule.name = "constant"
    optimizer = make_optimizer(config)
    zero = {name: jnp.zeros_like(value) for name, value in params.items()}
    updates, _ = optimizer.update(zero, optimizer.init(params), params)
    np.testing.assert_allclose(updates["kernel"], -0.5 * config.optimizer.learning_rate)
    np.testing.assert_array_equal(updates["bias"], 0)


def test_clipping_bounds_the_whole_gradient():
    config = base_config()
    config.optimizer.update({"name": "adam", "weight_decay": 0.0, "clip_norm": 1e-9})
    config.schedule.name = "constant"
    optimizer = make_optimizer(config)
    params = {"kernel": jnp.ones((2, 2))}
    updates, _ = optimizer.update(
        {"kernel": 1e6 * params["kernel"]}, optimizer.init(params), params
    )
    # Adam's step would be the learning rate, were the gradient not as small as its epsilon.
    assert 0 < float(jnp.abs(updates["kernel"]).max()) < 0.1 * config.optimizer.learning_rate


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_losses_equal_their_definitions(smoothing):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (5, 4)).astype("f")
    labels = np.array([0, 3, 2, 2, 1])
    wanted = np.eye(4)[labels] * (1 - smoothing) + smoothing / 4
    expected = -(wanted * scipy.special.log_softmax(logits, axis=1)).sum(1)
    np.testing.assert_allclose(
        cross_entropy(logits, labels, label_smoothing=smoothing), expected, rtol=1e-5
    )

    tags = rng.integers(0, 2, (5, 4))
    wanted = tags * (1 - smoothing) + smoothing / 2
    yes, no = scipy.special.log_expit(logits), scipy.special.log_expit(-logits)
    expected = -(wanted * yes + (1 - wanted) * no).mean(1)
    found = binary_cross_entropy(logits, tags, label_smoothing=smoothing)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_inverse_time_is_the_decay_of_keras():
    rate = schedule("inverse_time", decay=0.5)
    np.testing.assert_allclose([rate(0), rate(1), rate(4)], [0.1, 0.1 / 1.5, 0.1 / 3], rtol=1e-6)


def walk(name, gradients, **options):
    """The weights, from 1 on, after each of some gradients."""
    config = base_config()
    config.optimizer.update({"name": name, "weight_decay": 0.0, "clip_norm": 0.0} | options)
    config.optimizer.learning_rate = 0.1
    config.schedule.name = "constant"
    optimizer = make_optimizer(config)
    weight = jnp.ones(())
    state = optimizer.init(weight)
    path = []
    for gradient in gradients:
        delta, state = optimizer.update(jnp.float32(gradient), state, weight)
        weight = weight + delta
        path.append(float(weight))
    return path


GRADIENTS = [1.0, -0.5, 2.0, 0.25]


def test_sgd_is_nesterovs():
    # torch.optim.SGD(nesterov=True): b = m b + g; w -= lr (g + m b).
    weight, buffer, expected = 1.0, 0.0, []
    for gradient in GRADIENTS:
        buffer = 0.9 * buffer + gradient
        weight -= 0.1 * (gradient + 0.9 * buffer)
        expected.append(weight)
    np.testing.assert_allclose(walk("sgd", GRADIENTS, momentum=0.9), expected, rtol=1e-6)


def test_rmsprop_divides_by_the_root_mean_square():
    # torch.optim.RMSprop: v = d v + (1 - d) g^2; w -= lr g / (sqrt(v) + eps).
    weight, square, expected = 1.0, 0.0, []
    for gradient in GRADIENTS:
        square = 0.9 * square + 0.1 * gradient**2
        weight -= 0.1 * gradient / (np.sqrt(square) + 1e-7)
        expected.append(weight)
    np.testing.assert_allclose(walk("rmsprop", GRADIENTS, b2=0.9, eps=1e-7), expected, rtol=1e-6)


def test_balanced_weights_make_up_for_rare_classes():
    labels = np.repeat([0, 1, 3], [6, 3, 1])
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels)
    found = balanced_weights(np.bincount(labels), len(labels), "single_label")
    np.testing.assert_allclose(found, [*expected[:2], 0, expected[2]], rtol=1e-6)
    # Of ten tracks two have the first tag, five the second, none the third.
    found = balanced_weights(np.array([2, 5, 0]), 10, "multi_label")
    np.testing.assert_allclose(found, [4, 1, 0])
