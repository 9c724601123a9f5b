"""What every registered model promises, and how they are found."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mgr_jax.errors import UserError
from mgr_jax.models import ALIASES, MODELS, create_model, list_models

PRIYA_DWIVEDI = {
    "filters": (16, 32, 64, 64, 64),
    "axis": "time",
    "padding": "VALID",
    "rnn_pool": (4, 2),
    "embedding": 0,
    "units": 64,
}
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
    ("choi_k2c2", {"budget": "0.1M"}, (1366, 96), 96_822),
    ("choi_k2c2", {"budget": "0.25M"}, (1366, 96), 246_097),
    ("choi_k2c2", {"budget": "0.5M"}, (1366, 96), 497_320),
    ("choi_k2c2", {"budget": "1M"}, (1366, 96), 1_003_828),
    ("choi_k2c2", {"budget": "3M"}, (1366, 96), 3_046_167),
    ("choi_k2c2", {"budget": "msd", "input_norm": True}, (1366, 96), 865_950),
    ("choi_k2c1", {"budget": "0.1M"}, (1366, 96), 97_165),
    ("choi_k2c1", {"budget": "0.25M"}, (1366, 96), 246_138),
    ("choi_k2c1", {"budget": "0.5M"}, (1366, 96), 503_444),
    ("choi_k2c1", {"budget": "1M"}, (1366, 96), 1_001_578),
    ("choi_k2c1", {"budget": "3M"}, (1366, 96), 2_981_475),
    # Dense layers as wide as the last convolution: not published, chosen here.
    ("choi_k1c2", {"budget": "0.1M"}, (1366, 96), 95_540),
    ("choi_k1c2", {"budget": "0.25M"}, (1366, 96), 232_555),
    ("choi_k1c2", {"budget": "0.5M"}, (1366, 96), 457_232),
    ("choi_k1c2", {"budget": "1M"}, (1366, 96), 944_251),
    ("choi_k1c2", {"budget": "3M"}, (1366, 96), 2_772_839),
    # No paper's: (57 + 1) * 256 + (256 + 1) * 128 + (128 + 1) * 64 + (64 + 1) * 50.
    ("mlp", {}, (1, 57), 59_250),
    # The executed port has 85,160 with 8 classes, so 385 more for each further class.
    ("prcnn", PRIYA_DWIVEDI | {"dropout": 0.2}, (640, 128), 85_160 + 42 * 385),
    # 3^9 of the paper, and with CLMR's last kernel.
    ("sample_cnn", {}, (59_049, 1), 1_869_874),
    ("sample_cnn", {"last_kernel": 3}, (59_049, 1), 2_394_162),
]
# The first row of each model, or a smaller form of it where that would take long.
SMALLER = {
    "choi_k1c2": ({"pools": (2, 2, 4, 4)}, (64, 32)),
    "choi_k2c1": ({"pools": (2, 2, 2, 2, 2)}, (64, 32)),
    "choi_k2c2": ({"pools": ((2, 2), (2, 2), (2, 2), (2, 2), (2, 2))}, (64, 32)),
    "sample_cnn": ({"depth": 3}, (81, 1)),
}
SMALL = [
    (name, *SMALLER.get(name, (fields, shape)))
    for name, fields, shape in {row[0]: row[:3] for row in reversed(PARAMETERS)}.values()
]


@pytest.mark.parametrize(("name", "fields", "shape", "expected"), PARAMETERS, ids=str)
def test_parameter_counts(name, fields, shape, expected):
    model = create_model(name, num_classes=50, **fields)
    variables = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, *shape)), train=False)
    )
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables["params"])) == expected


def test_every_model_has_a_row():
    assert {row[0] for row in PARAMETERS} == set(MODELS) == set(list_models())
    assert set(ALIASES.values()) <= set(MODELS)


def train(model, variables, features, key):
    """Gradient of a loss, logits and new state of one training step."""

    def loss(params):
        (logits, _), state = model.apply(
            variables | {"params": params},
            features,
            train=True,
            rngs={"dropout": key},
            mutable=["batch_stats"],
        )
        return jnp.square(logits - 1).mean(), (logits, state)

    gradient, (logits, state) = jax.grad(loss, has_aux=True)(variables["params"])
    return gradient, logits, state


@pytest.mark.parametrize(("name", "fields", "shape"), SMALL, ids=str)
def test_evaluation_is_fixed_and_training_drops_out(name, fields, shape):
    model = create_model(name, num_classes=7, **fields)
    features = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    variables = jax.jit(lambda: model.init(jax.random.key(0), features, train=False))()
    evaluate = jax.jit(lambda x: model.apply(variables, x, train=False)[0])
    # A row's logits do not depend on its neighbours.
    both = evaluate(features)
    for row in (0, 1):
        np.testing.assert_allclose(
            evaluate(features[[row, row]])[0], both[row], rtol=1e-3, atol=1e-4
        )

    step = jax.jit(lambda key: train(model, variables, features, key))
    gradient, logits, state = step(jax.random.key(1))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    assert not np.array_equal(logits, step(jax.random.key(2))[1])
    # Models without batch norm have no statistics.
    before = variables.get("batch_stats", {})
    after = state.get("batch_stats", {})
    unchanged = jax.tree.map(np.array_equal, before, after)
    assert not any(jax.tree.leaves(unchanged))
    assert (name in ("mlp", "prcnn")) == (not before)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "fields", "shape"), SMALL, ids=str)
def test_logits_parameters_and_embedding_are_float32(name, fields, shape, dtype):
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
    variables, (logits, intermediates), (gradient, dropped, state) = tree
    assert logits.shape == dropped.shape == (2, 7)
    assert intermediates["embedding"].shape[:1] == (2,)
    assert intermediates["embedding"].ndim == 2
    assert variables == {"params": gradient, **state}


def test_unknown_names_suggest_the_closest():
    with pytest.raises(UserError, match=r"no model 'choi_crn'; did you mean choi_crnn"):
        create_model("choi_crn", num_classes=10)
    with pytest.raises(UserError, match=r"'bugdet'; did you mean budget\?"):
        create_model("crnn", num_classes=10, bugdet="1M")


def test_aliases_build_the_model_they_stand_for():
    for alias, name in ALIASES.items():
        assert create_model(alias, num_classes=10) == create_model(name, num_classes=10)
