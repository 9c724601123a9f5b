"""Training steps of whole configs at their published size: front end, network and recipe."""

import jax
import numpy as np
import pytest

from mgr_jax.classifier import create_classifier, init_variables
from mgr_jax.config import resolve
from mgr_jax.config.files import read_config
from mgr_jax.training.optim import cross_entropy, make_optimizer
from mgr_jax.training.steps import create_state, make_train_step


def weights(params):
    """All but the biases of blocks' convolutions, whose gradient is 0: batch norm undoes them."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    keys = jax.tree_util.keystr
    return [leaf for path, leaf in leaves if not keys(path).endswith("['conv']['bias']")]


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["choi2016", "lee2017", "feng2017", "torchvision"])
def test_two_steps_with_published_clips(spec):
    config = resolve(read_config(spec), 443)
    classifier, spec = create_classifier(config, 10)
    optimizer = make_optimizer(config)
    state = create_state(init_variables(classifier, spec, seed=0), optimizer)
    update = make_train_step(
        classifier, optimizer, cross_entropy, lambda _, batch: batch["inputs"], seed=0, l2=config.l2
    )
    rng = np.random.default_rng(0)
    batch = {
        "inputs": rng.integers(-3000, 3000, (2, 1, *spec.shape), dtype=np.int16),
        "targets": np.array([[3], [7]]),
        "index": np.array([[0], [1]], np.uint32),
        "aux": {key: np.ones((2, 1, *shape), "f") for key, shape in spec.aux.items()},
    }
    step = jax.jit(update)
    before = weights(state.params)
    for _ in range(2):
        state, metrics = step(state, {}, batch)
        assert np.isfinite(metrics["loss"]).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))
    after = weights(state.params)
    changed = [not np.array_equal(old, new) for old, new in zip(before, after, strict=True)]
    assert np.mean(changed) > 0.9
