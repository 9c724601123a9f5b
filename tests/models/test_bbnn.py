"""BBNN: published counts, and its block against scipy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error
from scipy import ndimage, signal

from mgr_jax.models import create_model
from mgr_jax.models.bbnn import InceptionBlock


def init(name, shape, num_classes, **fields):
    model = create_model(name, num_classes=num_classes, **fields)
    return jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, *shape)), train=False)
    )


def test_counts_are_those_of_the_published_graphs():
    variables = init("bbnn", (647, 128), 10)
    trainable = sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    statistics = sum(leaf.size for leaf in jax.tree.leaves(variables["batch_stats"]))
    # As many scales and shifts as means and variances.
    assert (trainable, trainable + statistics, trainable - statistics) == (
        185_642,
        190_826,
        180_458,
    )
    variables = init("bbnn_cqt", (640, 84), 8)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == 51_496


@pytest.mark.parametrize(
    "order", [("one", "three", "five", "pool"), ("pool", "three", "five", "one")], ids=str
)
def test_inception_block_is_its_formula(order):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 6, 7, 2)).astype(np.float32)
    block = InceptionBlock(features=3, order=order)
    variables = jax.tree.map(
        lambda leaf: rng.uniform(0.5, 1.5, leaf.shape).astype(np.float32),
        jax.eval_shape(lambda: block.init(jax.random.key(0), x, train=False)),
    )
    params, statistics = variables["params"], variables["batch_stats"]

    def layer(x, name):
        conv, norm, moments = params[name], params[f"{name}_norm"], statistics[f"{name}_norm"]
        x = (x - moments["mean"]) / np.sqrt(moments["var"] + 1e-5) * norm["scale"] + norm["bias"]
        x = np.maximum(x, 0)
        total = [
            sum(
                signal.correlate2d(x[..., i], conv["kernel"][..., i, o], mode="same")
                for i in range(x.shape[-1])
            )
            for o in range(3)
        ]
        return np.stack(total, axis=-1) + conv["bias"]

    pooled = ndimage.maximum_filter(x[0], (3, 3, 1), mode="constant", cval=-np.inf)
    expected = {
        "one": layer(x[0], "one"),
        "three": layer(layer(x[0], "three_in"), "three"),
        "five": layer(layer(x[0], "five_in"), "five"),
        "pool": layer(pooled, "pool"),
    }
    actual = jax.jit(lambda x: block.apply(variables, x, train=False))(x)[0]
    np.testing.assert_allclose(
        actual, np.concatenate([x[0], *(expected[name] for name in order)], -1), rtol=1e-4
    )


def test_the_constant_q_form_does_not_pad_the_first_convolution():
    def stem(name):
        model = create_model(name, num_classes=4)

        def run(x):
            return model.init_with_output(
                jax.random.key(0), x, train=False, capture_intermediates=True
            )[1]

        layers = jax.eval_shape(run, jnp.zeros((1, 640, 84)))["intermediates"]
        return layers["stem"]["__call__"][0][0].shape

    assert stem("bbnn") == (1, 160, 84, 32)
    assert stem("bbnn_cqt") == (1, 159, 82, 16)


@pytest.mark.parametrize(
    ("name", "fields", "shape", "code", "named"),
    [
        ("bbnn", {}, (7, 128), "model.clip_too_small", "8 frames"),
        ("bbnn_cqt", {}, (10, 3), "model.clip_too_small", "10 frames of 4 bins"),
        ("bbnn", {"pool": (0, 1)}, (647, 128), "model.wrong_sizes", "pool"),
        ("bbnn", {"width": 0}, (647, 128), "model.out_of_range", "width"),
    ],
    ids=str,
)
def test_errors_say_what_to_do(name, fields, shape, code, named):
    with user_error(code, name, named):
        init(name, shape, 10, **fields)
