"""PRCNN: its two branches, and the port whose graph is known."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error

from mgr_jax.models import create_model

SMALL = {"widths": (4, 8), "pools": ((2, 2), (4, 4)), "projection": 6, "units": 5}


def init(features, **fields):
    model = create_model("prcnn", num_classes=8, **fields)
    return model, jax.jit(lambda x: model.init(jax.random.key(0), x, train=False))(features)


def test_the_executed_port():
    model = create_model(
        "prcnn",
        num_classes=8,
        widths=(16, 32, 64, 64, 64),
        axis="time",
        padding="VALID",
        rnn_pool=(4, 2),
        projection=0,
        units=64,
        gate="hard_sigmoid",
    )
    (_, intermediates), variables = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), jnp.zeros((1, 640, 128)), train=False)
    )
    assert set(variables) == {"params"}
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables)) == 85_160
    assert intermediates["embedding"].shape == (1, 256 + 2 * 64)


@pytest.mark.parametrize(
    ("fields", "dim"), [({}, 256 + 256), ({"directions": 1, "cell": "lstm", "units": 96}, 256 + 96)]
)
def test_three_seconds_of_513_bins(fields, dim):
    model = create_model("prcnn", num_classes=10, **fields)
    (logits, intermediates), _ = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), jnp.zeros((2, 128, 513)), train=False)
    )
    assert logits.shape == (2, 10)
    assert intermediates["embedding"].shape == (2, dim)


@pytest.mark.parametrize(("axis", "seen"), [("time", (5, 1)), ("frequency", (1, 5))])
def test_kernels_lie_along_one_axis(axis, seen):
    """Two kernels of 3 see 5 frames of one bin, or 5 bins of one frame."""
    features = np.random.default_rng(0).standard_normal((1, 16, 16)).astype(np.float32)
    model, variables = init(features, **SMALL | {"pools": ((1, 1), (1, 1))}, axis=axis)

    def convolved(x):
        embedding = model.apply(variables, x, train=False)[1]["embedding"]
        return np.asarray(embedding)[0, :-10].reshape(16, 16, 8)

    changed = features.copy()
    changed[0, 8, 8] += 1
    differs = np.any(convolved(changed) != convolved(features), axis=-1)
    assert tuple(np.ptp(np.argwhere(differs), axis=0) + 1) == seen


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_backward_direction_reads_from_the_end(cell):
    features = np.random.default_rng(0).standard_normal((2, 16, 16)).astype(np.float32)
    model, variables = init(features, **SMALL, cell=cell)
    params = variables["params"]
    layer = params["rnn"]
    swapped = params | {"rnn": {"forward": layer["backward"], "backward": layer["forward"]}}

    def states(params, x):
        embedding = model.apply({"params": params}, x, train=False)[1]["embedding"]
        return np.split(embedding[:, -10:], 2, axis=1)

    forward, backward = states(params, features)
    mirrored_backward, mirrored_forward = states(swapped, features[:, ::-1])
    np.testing.assert_allclose(forward, mirrored_forward, atol=1e-6)
    np.testing.assert_allclose(backward, mirrored_backward, atol=1e-6)
    assert np.abs(forward - backward).max() > 0.01


@pytest.mark.parametrize(
    ("shape", "fields"),
    [
        ((127, 513), {}),
        ((128, 127), {}),
        ((16, 1), {"pools": ((1, 1),) * 5}),
        ((128, 513), {"axis": "time", "padding": "VALID"}),
    ],
)
def test_clips_too_small_are_rejected(shape, fields):
    model = create_model("prcnn", num_classes=10, **fields)
    with user_error("model.clip_too_small", "prcnn", *shape):
        model.init(jax.random.key(0), jnp.zeros((1, *shape)), train=False)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"axis": "tim"}, "unknown_name"),
        ({"cell": "grt"}, "unknown_name"),
        ({"directions": 3}, "model.out_of_range"),
        ({"pools": ((2, 2),)}, "model.wrong_sizes"),
    ],
    ids=str,
)
def test_unknown_choices_are_named(fields, code):
    with user_error(code, "prcnn", *fields):
        create_model("prcnn", num_classes=10, **fields)
