"""Networks on sequences: the published count, directions, lengths, errors."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error

from mgr_jax.models import create_model


def init(name, shape, **fields):
    model = create_model(name, num_classes=8, **fields)
    return jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, *shape)), train=False)
    )


def random_variables(model, features):
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), features, train=False))
    return jax.tree.map(lambda leaf: rng.uniform(0.1, 0.9, leaf.shape).astype("f4") - 0.3, shapes)


@functools.partial(jax.jit, static_argnums=0)
def embed(model, variables, features):
    return model.apply(variables, features, train=False)[1]["embedding"]


def test_crnn1d_has_the_published_counts():
    variables = init("crnn1d", (640, 128))
    trainable = sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    statistics = sum(leaf.size for leaf in jax.tree.leaves(variables["batch_stats"]))
    assert (trainable, trainable + statistics) == (133_184, 133_520)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_reversed_clip_swaps_the_directions_of_rnn(cell):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 9, 5)).astype(np.float32)
    model = create_model("rnn", num_classes=3, cell=cell, units=4, layers=2, directions=2)
    variables = random_variables(model, x)
    params = variables["params"]
    # The second layer sees both directions of the first side by side.
    swapped = {
        direction: jax.tree_util.tree_map_with_path(
            lambda path, leaf: np.roll(leaf, 4, axis=0) if "'kernel'" in str(path) else leaf,
            params["last"][other],
        )
        for direction, other in (("forward", "backward"), ("backward", "forward"))
    }
    mirrored = params | {
        "forward1": params["backward1"],
        "backward1": params["forward1"],
        "last": swapped,
    }
    embedding = embed(model, variables, x)
    actual = embed(model, variables | {"params": mirrored}, x[:, ::-1])
    np.testing.assert_allclose(actual, np.roll(embedding, 4, axis=-1), atol=1e-6)
    assert np.abs(embed(model, variables, x[:, ::-1]) - embedding).max() > 1e-3


def test_one_direction_ends_with_the_last_frame():
    """Forwards, the first frames fade; the last one decides most."""
    x = np.zeros((1, 40, 3), np.float32)
    model = create_model("rnn", num_classes=3, units=4, layers=1)
    variables = jax.jit(lambda: model.init(jax.random.key(0), x, train=False))()
    silence, first, last = (
        embed(model, variables, x + (np.arange(40) == frame)[:, None]) for frame in (-1, 0, 39)
    )
    assert np.abs(last - silence).max() > 100 * np.abs(first - silence).max()


def test_cnn1d_takes_the_mean_over_steps():
    x = np.random.default_rng(0).standard_normal((1, 40, 6)).astype(np.float32)
    model = create_model("cnn1d", num_classes=3, widths=(4,), kernel=1, pool=4)
    variables = jax.jit(lambda: model.init(jax.random.key(0), x, train=False))()
    halves = [embed(model, variables, part) for part in (x[:, :20], x[:, 20:])]
    np.testing.assert_allclose(embed(model, variables, x), np.mean(halves, axis=0), atol=1e-5)


def test_crnn1d_has_no_activation_before_the_logits():
    x = np.random.default_rng(0).standard_normal((4, 24, 6)).astype(np.float32)
    fields = {"widths": (4, 4), "units": 4, "dense_units": 8}
    model = create_model("crnn1d", num_classes=3, **fields)
    variables = jax.jit(lambda: model.init(jax.random.key(0), x, train=False))()
    negated = jax.tree.map(jnp.negative, variables["params"]["dense"])
    changed = variables | {"params": variables["params"] | {"dense": negated}}
    embedding = embed(model, variables, x)
    assert np.abs(embedding).max() > 0
    np.testing.assert_allclose(embed(model, changed, x), -embedding, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "fields", "shape", "code", "named"),
    [
        ("crnn1d", {}, (35, 128), "model.clip_too_small", "36 frames"),
        ("cnn1d", {}, (63, 20), "model.clip_too_small", "64 frames"),
        ("cnn1d", {"padding": "same"}, (640, 20), "unknown_name", "padding"),
        ("cnn1d", {"widths": ()}, (640, 20), "model.wrong_sizes", "widths"),
        ("simple_crnn", {}, (640, 7), "model.clip_too_small", "64 frames of 8 bins"),
        (
            "simple_crnn",
            {"pools": ((4, 2),)},
            (640, 20),
            "model.wrong_sizes",
            "3 rows of 2",
        ),
        ("rnn", {"layers": 0}, (640, 20), "model.out_of_range", "layers"),
        ("rnn", {"directions": 0}, (640, 20), "model.out_of_range", "directions"),
    ],
    ids=str,
)
def test_errors_say_what_to_do(name, fields, shape, code, named):
    with user_error(code, name, named):
        init(name, shape, **fields)


def test_the_shortest_clips_fit():
    assert init("crnn1d", (36, 128))
    assert init("cnn1d", (64, 20))
    assert init("simple_crnn", (64, 8))
