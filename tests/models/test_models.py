"""What every registered model promises, and how they are found."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mgr_jax.errors import UserError
from mgr_jax.models import ALIASES, MODELS, create_model, list_models

# (model, fields, input [frames, bins], parameters with 50 classes). A new model needs a row.
PARAMETERS = [
    ("choi_crnn", {"budget": "0.1M"}, (192, 96), 97_130),
    ("choi_crnn", {"budget": "0.25M"}, (192, 96), 246_098),
    ("choi_crnn", {"budget": "0.5M"}, (192, 96), 497_157),
    ("choi_crnn", {"budget": "1M"}, (192, 96), 1_000_367),
    ("choi_crnn", {"budget": "3M"}, (192, 96), 3_027_712),
    (
        "choi_crnn",
        {"budget": "msd", "time_pad": 1440, "input_norm": True},
        (1366, 96),
        396_786,
    ),
]
FIRST_ROWS = list({row[0]: row for row in reversed(PARAMETERS)}.values())


@pytest.mark.parametrize(("name", "fields", "shape", "expected"), PARAMETERS, ids=str)
def test_parameters_are_as_published(name, fields, shape, expected):
    model = create_model(name, num_classes=50, **fields)
    variables = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, *shape)), train=False)
    )
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables["params"])) == expected


def test_every_model_has_a_row():
    assert {row[0] for row in PARAMETERS} == set(MODELS) == set(list_models())
    assert set(ALIASES.values()) <= set(MODELS)


def train(model, variables, features, key):
    """Gradient of a loss, logits and new statistics of one training step."""

    def loss(params):
        (logits, _), state = model.apply(
            variables | {"params": params},
            features,
            train=True,
            rngs={"dropout": key},
            mutable=["batch_stats"],
        )
        return jnp.square(logits - 1).mean(), (logits, state["batch_stats"])

    gradient, (logits, stats) = jax.grad(loss, has_aux=True)(variables["params"])
    return gradient, logits, stats


@pytest.mark.parametrize(("name", "fields", "shape", "_"), FIRST_ROWS, ids=str)
def test_evaluation_is_fixed_and_training_drops_out(name, fields, shape, _):
    model = create_model(name, num_classes=7, **fields)
    features = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    variables = jax.jit(lambda: model.init(jax.random.key(0), features, train=False))()
    evaluate = jax.jit(lambda: model.apply(variables, features, train=False)[0])
    np.testing.assert_array_equal(evaluate(), evaluate())

    step = jax.jit(lambda key: train(model, variables, features, key))
    gradient, logits, stats = step(jax.random.key(1))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    assert not np.array_equal(logits, step(jax.random.key(2))[1])
    before = jax.tree.leaves(variables["batch_stats"])
    assert not any(map(np.array_equal, before, jax.tree.leaves(stats)))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "fields", "shape", "_"), FIRST_ROWS, ids=str)
def test_logits_parameters_and_embedding_are_float32(name, fields, shape, _, dtype):
    model = create_model(name, num_classes=7, dtype=dtype, **fields)

    def everything(features, key):
        variables = model.init(key, features, train=False)
        return (
            variables,
            model.apply(variables, features, train=False),
            train(model, variables, features, key),
        )

    features = jnp.zeros((2, *shape))
    tree = jax.eval_shape(everything, features, jax.random.key(0))
    assert {leaf.dtype for leaf in jax.tree.leaves(tree)} == {jnp.dtype(jnp.float32)}
    variables, (logits, intermediates), (gradient, dropped, stats) = tree
    assert logits.shape == dropped.shape == (2, 7)
    assert intermediates["embedding"].shape[:1] == (2,)
    assert intermediates["embedding"].ndim == 2
    assert variables == {"params": gradient, "batch_stats": stats}


def test_unknown_names_suggest_the_closest():
    with pytest.raises(UserError, match=r"no model 'choi_crn'; did you mean choi_crnn"):
        create_model("choi_crn", num_classes=10)
    with pytest.raises(UserError, match=r"'bugdet'; did you mean budget\?"):
        create_model("crnn", num_classes=10, bugdet="1M")


def test_aliases_build_the_model_they_stand_for():
    for alias, name in ALIASES.items():
        assert create_model(alias, num_classes=10) == create_model(name, num_classes=10)
