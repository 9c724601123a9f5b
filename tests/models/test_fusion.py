"""The fusion model: an encoder without its last layer, beside a table row and categories."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error

from mgr_jax.models import create_model
from mgr_jax.side_inputs import SideFormat

SIDE = SideFormat(3, (("artist", 4), ("album", 6)))
MLP = {"name": "mlp", "kwargs": {"units": (8,)}}


def build(**fields):
    fields = {"encoder": MLP, "units": (16,), "dropout": 0.0, "side": SIDE} | fields
    return create_model("fusion", num_classes=5, **fields)


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(0).standard_normal((6, 4, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def variables(features):
    variables = build().init(jax.random.key(0), features, train=False)
    # Batch statistics other than those of nothing seen.
    norm = variables["batch_stats"]["dense1_norm"]
    return variables | {"batch_stats": {"dense1_norm": norm | {"mean": norm["mean"] + 0.1}}}


def side_of(**known):
    return SIDE.blank(6) | {name: np.array(value) for name, value in known.items()}


def test_its_parts_are_joined_by_dense_layers(features, variables):
    rng = np.random.default_rng(1)
    table = rng.standard_normal((6, 3)).astype(np.float32)
    categories = rng.integers(0, 5, (6, 2)).astype(np.int32)
    side = {"table": table, "categories": categories}
    logits, found = build().apply(variables, features, side, train=False)

    params = variables["params"]
    encoder = create_model("mlp", num_classes=0, units=(8,))
    _, encoded = encoder.apply({"params": params["encoder"]}, features, train=False)

    def dense(name, x):
        return x @ params[name]["kernel"] + params[name]["bias"]

    beside = [
        np.maximum(dense("table", table), 0),
        params["category1"]["embedding"][categories[:, 0]],
        params["category2"]["embedding"][categories[:, 1]],
    ]
    x = dense("dense1", np.concatenate([encoded["embedding"], *beside], axis=-1))
    norm = variables["batch_stats"]["dense1_norm"]
    x = np.maximum((x - norm["mean"]) / np.sqrt(norm["var"] + 1e-5), 0)
    np.testing.assert_allclose(found["embedding"], x, atol=1e-5)
    np.testing.assert_allclose(logits, dense("head", x), atol=1e-5)


@pytest.mark.parametrize("name", ["mlp", "choi_crnn", "autoencoder", "sample_cnn"])
def test_an_encoder_is_the_network_without_its_head(name):
    features = jnp.zeros((2, 59_049, 1) if name == "sample_cnn" else (2, 130, 128))

    def trees(model):
        def both(features):
            variables = model.init(jax.random.key(0), features, train=False)
            return variables, *model.apply(variables, features, train=False)

        return jax.eval_shape(both, features)

    variables, logits, found = trees(create_model(name, num_classes=0))
    whole, _, all_found = trees(create_model(name, num_classes=5))
    assert logits.shape == (2, 0)
    assert found == all_found
    assert set(whole["params"]) - set(variables["params"]) == {"head"}
    fusion, _, passed_on = trees(
        create_model("fusion", num_classes=5, encoder={"name": name}, side=SIDE)
    )
    assert fusion["params"]["encoder"] == variables["params"]
    assert set(passed_on) == set(found)  # "auxiliary_loss" too, which the trainer then uses


def test_all_beside_the_sound_matters_and_without_it_values_are_unseen(features, variables):
    model = build()

    def logits(side=None):
        return model.apply(variables, features, side, train=False)[0]

    plain = logits()
    np.testing.assert_array_equal(logits(side_of()), plain)
    for changed in (
        {"table": np.ones((6, 3), np.float32)},
        {"categories": np.full((6, 2), (3, 0), np.int32)},
        {"categories": np.full((6, 2), (0, 6), np.int32)},
    ):
        assert np.abs(logits(side_of(**changed)) - plain).min() > 1e-6
    # Statistics of front ends come the same way, and are no business of the model.
    np.testing.assert_array_equal(logits({"mean": np.ones(6)}), plain)


def test_a_share_of_the_training_examples_becomes_unseen_in_all_categories():
    side = SideFormat(0, (("artist", 1), ("album", 1)))
    model = build(side=side, category_dropout=0.25)
    features = np.zeros((4000, 1, 1), np.float32)
    known = {"categories": np.ones((4000, 2), np.int32)}
    variables = model.init(jax.random.key(0), features[:1], train=False)
    # Only embeddings of what is known differ from zero: hidden units tell who was replaced.
    tree = jax.tree.map(jnp.zeros_like, variables["params"])
    for name in ("category1", "category2"):
        tree[name]["embedding"] = tree[name]["embedding"].at[1].set(1.0)
    tree["dense1"]["kernel"] = jnp.zeros((8 + 32, 16)).at[8].set(1.0).at[24].set(10.0)
    tree["dense1_norm"]["scale"] = jnp.ones(16)
    tree["head"]["kernel"] = jnp.ones((16, 5))

    def kinds(**train):
        out, _ = model.apply(
            variables | {"params": tree}, features, known, mutable=["batch_stats"], **train
        )
        return np.unique(np.round(np.asarray(out[0][:, 0]), 3), return_counts=True)[1]

    replaced, kept = kinds(train=True, rngs={"dropout": jax.random.key(1)})  # never one of the two
    assert replaced / (replaced + kept) == pytest.approx(0.25, abs=0.03)
    assert kinds(train=False).tolist() == [4000]


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({"encoder": "choi_crnn"}, "model.encoder", "choi_crnn"),
        ({"encoder": {"name": "mpl"}}, "unknown_name", "mlp"),
        ({"encoder": {"name": "mlp", "kwargs": {"unit": 3}}}, "unknown_name", "units"),
        ({"encoder": {"name": "mlp", "kwarg": {}}}, "model.encoder", "kwargs"),
        ({"encoder": {"name": "fusion"}}, "model.encoder", "fusion"),
        (
            {"encoder": {"name": "mlp", "kwargs": {"num_classes": 3}}},
            "model.encoder",
            "num_classes",
        ),
        ({"units": ()}, "model.wrong_sizes", "fusion: units"),
        ({"table_units": 0}, "model.out_of_range", "table_units"),
        ({"category_dropout": 1.0}, "model.out_of_range", "category_dropout"),
    ],
)
def test_mistakes_are_one_sentence(fields, code, named):
    with user_error(code, named):
        build(**fields)


def test_what_the_encoder_cannot_take_is_one_sentence():
    model = build(encoder={"name": "square_cnn"})
    with user_error("model.clip_too_small", "fusion: square_cnn"):
        model.init(jax.random.key(0), np.zeros((1, 4, 3)), train=False)
