"""The autoencoder: what it gives back, and what its loss may change."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from errors import user_error

from mgr_jax.models import create_model

TINY = {"widths": (4, 8), "pools": ((2, 4), (2, 2)), "code": 6}


def init(features, **fields):
    model = create_model("autoencoder", num_classes=3, **TINY | fields)
    return model, jax.jit(lambda x: model.init(jax.random.key(0), x, train=False))(features)


@pytest.mark.parametrize("shape", [(8, 16), (9, 17), (1, 1), (7, 8, 3)], ids=str)
def test_reconstructions_have_the_shape_of_the_input(shape):
    model = create_model("autoencoder", num_classes=3, **TINY)
    (_, found), _ = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), jnp.zeros((2, *shape)), train=False)
    )
    assert found["reconstruction"].shape == (2, *shape)
    assert found["embedding"].shape == (2, 6)


def test_auxiliary_loss_is_the_mean_squared_error():
    features = np.random.default_rng(0).standard_normal((2, 7, 9, 2)).astype(np.float32)
    model, variables = init(features)
    found = jax.jit(lambda x: model.apply(variables, x, train=False)[1])(features)
    error = np.square(found["reconstruction"] - features).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(found["auxiliary_loss"], error, rtol=1e-5)


def test_reconstruction_is_learnt_without_labels():
    """Mixtures of four pictures fit into a code of six numbers."""
    rng = np.random.default_rng(0)
    pictures = rng.standard_normal((4, 8 * 16))
    features = (rng.standard_normal((64, 4)) @ pictures / 2).reshape(64, 8, 16).astype(np.float32)
    model, variables = init(features)
    optimizer = optax.adam(1e-2)

    def loss(params, stats):
        (_, found), updates = model.apply(
            {"params": params, "batch_stats": stats}, features, train=True, mutable="batch_stats"
        )
        return found["auxiliary_loss"].mean(), updates["batch_stats"]

    def step(carry, _):
        params, stats, state = carry
        (value, stats), gradient = jax.value_and_grad(loss, has_aux=True)(params, stats)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), stats, state), (value, gradient)

    params, stats = variables["params"], variables["batch_stats"]
    carry = (params, stats, optimizer.init(params))
    (trained, _, _), (losses, gradients) = jax.jit(lambda c: jax.lax.scan(step, c, length=150))(
        carry
    )
    assert losses[-1] < 0.5 * features.var()  # which the mean alone would leave
    # All that a second run takes over has been trained, the logits have not.
    for name in params:
        changed = jax.tree.leaves(gradients[name])
        assert any(np.any(leaf) for leaf in changed) == (name != "head"), name
    assert {name.split("_")[0] for name in trained} == {"encoder", "decoder", "head"}


def test_the_error_does_not_change_what_is_to_be_met():
    """A decoder of zeros gives zeros: only shrinking the input would then lower the error."""
    features = np.random.default_rng(0).standard_normal((2, 8, 16)).astype(np.float32)
    model, variables = init(features)
    params = {
        name: jax.tree.map(jnp.zeros_like, tree) if name.startswith("decoder") else tree
        for name, tree in variables["params"].items()
    }

    def error(x):
        found = model.apply(variables | {"params": params}, x, train=False)[1]
        return found["auxiliary_loss"].sum()

    value, gradient = jax.jit(jax.value_and_grad(error))(features)
    assert value > 1
    assert not np.any(gradient)


def test_large_pools_leave_no_holes():
    features = jnp.zeros((1, 16, 18))
    model, variables = init(features, widths=(2,), pools=((8, 6),))
    variables["params"] = jax.tree.map(jnp.ones_like, variables["params"])
    found = jax.jit(lambda x: model.apply(variables, x, train=False)[1])(features)
    assert np.all(found["reconstruction"] > 1)  # more than the bias


def test_what_does_not_fit_is_rejected():
    with user_error("model.clip_too_small", "autoencoder", "0 frames"):
        init(jnp.zeros((1, 0, 8)))
    with user_error("model.wrong_sizes", "autoencoder", "pools"):
        create_model("autoencoder", num_classes=3, pools=((2, 2),))
    with user_error("model.out_of_range", "autoencoder", "code"):
        create_model("autoencoder", num_classes=3, code=0)
