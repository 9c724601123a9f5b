"""Continuous-time cells against their equations and against SciPy's integrator."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error
from scipy.integrate import solve_ivp
from scipy.special import expit

from mgr_jax.models import create_model
from mgr_jax.models.liquid import CfCCell, LTCCell

TINY = {"segment_frames": 4, "widths": (3,), "pools": ((2, 2),), "units": 5}


def random_params(cell, scale=1.0):
    rng = np.random.default_rng(0)
    state, x = rng.uniform(-0.5, 0.5, (3, 4)), rng.standard_normal((3, 6))
    params = jax.eval_shape(cell.init, jax.random.key(0), state, x, 1.0)["params"]
    params = jax.tree.map(
        lambda leaf: (scale * rng.standard_normal(leaf.shape)).astype(np.float32), params
    )
    return params, state.astype(np.float32), x.astype(np.float32)


def dense(params, name, x):
    return x @ params[name]["kernel"] + params[name]["bias"]


def ltc_parts(params, state, x):
    """The gate f of the state, 1/tau and the target."""
    gate = expit(dense(params, "input", x) + state @ params["state"])
    return gate, np.log1p(np.exp(params["leak"])), params["target"]


def test_ltc_takes_the_papers_steps():
    params, state, x = random_params(LTCCell(4, unfolds=3))
    expected = state
    for _ in range(3):
        gate, rate, target = ltc_parts(params, expected, x)
        dt = 0.7 / 3
        expected = (expected + dt * gate * target) / (1 + dt * (rate + gate))
    actual = LTCCell(4, unfolds=3).apply({"params": params}, state, x, 0.7)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


def test_ltc_converges_to_the_differential_equation():
    params, state, x = random_params(LTCCell(4))

    def slope(_, flat):
        y = flat.reshape(state.shape)
        gate, rate, target = ltc_parts(params, y, x)
        return (-(rate + gate) * y + gate * target).ravel()

    exact = solve_ivp(slope, (0, 2.0), state.ravel(), rtol=1e-9, atol=1e-9).y[:, -1]
    errors = []
    for unfolds in (6, 60, 600):
        actual = LTCCell(4, unfolds).apply({"params": params}, state, x, 2.0)
        errors.append(np.abs(actual.ravel() - exact).max())
    # Of first order: ten times the steps, a tenth of the error.
    assert errors[0] > 8 * errors[1] > 50 * errors[2]
    assert errors[2] < 2e-3


@pytest.mark.parametrize("time_offset", [False, True])
def test_cfc_follows_its_equation(time_offset):
    cell = CfCCell(4, backbone=7, time_offset=time_offset)
    params, state, x = random_params(cell)
    hidden = dense(params, "backbone", np.concatenate([x, state], axis=-1))
    hidden = 1.7159 * np.tanh(2 / 3 * hidden)
    f, g, h = (dense(params, name, hidden) for name in "fgh")
    b = dense(params, "offset", hidden) if time_offset else 0
    gate = expit(-(f * 0.7 + b))
    expected = gate * np.tanh(g) + (1 - gate) * np.tanh(h)
    actual = cell.apply({"params": params}, state, x, 0.7)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", [LTCCell(4), CfCCell(4)], ids=["ltc", "cfc"])
@pytest.mark.parametrize("elapsed", [1e-3, 1e3])
def test_states_are_bounded_and_gradients_finite(cell, elapsed):
    params, _, x = random_params(cell, scale=30.0)
    target = params.get("target")

    @jax.jit
    @partial(jax.grad, argnums=(0, 1), has_aux=True)
    def gradients_and_states(params, x):
        states = [jnp.zeros((3, 4))]
        for _ in range(3):
            states.append(cell.apply({"params": params}, states[-1], 30 * x, elapsed))
        return states[-1].sum(), jnp.stack(states)

    gradients, states = gradients_and_states(params, x)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    # LTC: between 0 and the target; CfC: between -1 and 1.
    low, high = (np.minimum(target, 0), np.maximum(target, 0)) if "target" in params else (-1, 1)
    assert np.all((states >= low - 1e-4) & (states <= high + 1e-4))


@pytest.mark.parametrize("name", ["ltc", "cfc"])
def test_states_follow_whole_segments_in_order(name):
    rng = np.random.default_rng(0)
    clip = rng.standard_normal((2, 14, 6)).astype(np.float32)
    model = create_model(name, num_classes=3, **TINY)
    variables = jax.jit(lambda x: model.init(jax.random.key(0), x, train=False))(clip)

    @partial(jax.jit, static_argnums=1)
    def apply(x, elapsed=1.0):
        return model.clone(elapsed=elapsed).apply(variables, x, train=False)[1]

    found = apply(clip)
    assert found["sequence"].shape == (2, 3, 5)
    np.testing.assert_array_equal(found["sequence"][:, -1], found["embedding"])
    # The last two frames fill no segment, and no state knows what comes later.
    np.testing.assert_allclose(
        apply(clip[:, :8])["sequence"], found["sequence"][:, :2], rtol=0, atol=1e-6
    )
    assert np.abs(apply(clip, 0.1)["embedding"] - found["embedding"]).max() > 1e-3


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"elapsed": 0.0}, "model.out_of_range"),
        ({"segment_frames": 1}, "model.segment_too_short"),
        ({"pools": ((2, 2), (2, 2))}, "model.wrong_sizes"),
        ({"widths": ()}, "model.wrong_sizes"),
        ({"unfolds": 0}, "model.out_of_range"),
    ],
)
def test_fields_are_checked(fields, code):
    with user_error(code, *fields):
        create_model("ltc", num_classes=3, **TINY | fields)


def test_short_clips_are_rejected():
    model = create_model("cfc", num_classes=3, **TINY)
    with user_error("model.clip_too_small", "cfc", "4 frames of 2 bins"):
        jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, 3, 6)), train=False))
