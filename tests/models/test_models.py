"""What every registered network promises, and how they are found."""

import dataclasses
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from errors import user_error
from fixed_weights import fixed_variables
from networks import PARAMETERS
from small_networks import SMALLER

from mgr_jax.errors import UserError
from mgr_jax.models import ALIASES, MODELS, create_model, list_models
from mgr_jax.models.network import BatchNormed

SMALL = [(name, *SMALLER[name]) for name in sorted(SMALLER)]
CLASSES = 7
with np.load(Path(__file__).parent / "goldens" / "networks.npz") as file:
    GOLDENS = dict(file)  # by make_network_goldens.py


def example(shape, batch=2):
    return np.random.default_rng(0).standard_normal((batch, *shape)).astype(np.float32)


def initialised(model, features):
    return jax.eval_shape(lambda: model.init(jax.random.key(0), features, train=False))


@pytest.mark.parametrize(("name", "fields", "shape", "count", "source"), PARAMETERS, ids=str)
def test_parameter_counts(name, fields, shape, count, source):
    model = create_model(name, num_classes=50, **fields)
    params = initialised(model, jnp.zeros((1, *shape)))["params"]
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params)) == count, source


def test_every_network_has_its_rows():
    assert {row[0] for row in PARAMETERS} == set(SMALLER) == set(MODELS) == set(list_models())
    assert set(GOLDENS) == set(SMALLER), "run make_network_goldens.py"
    assert set(ALIASES.values()) <= set(MODELS)
    assert all(MODELS[name].registered == name for name in MODELS)


def loss_of(model, state, features, key):
    """Mean of losses, and (logits, new batch statistics, all losses of the model's own)."""
    (logits, intermediates), updates = model.apply(
        state, features, train=True, rngs={"dropout": key}, mutable=["batch_stats"]
    )
    return jnp.square(logits - 1).mean(), (logits, intermediates, updates)


def step_of(model, features):
    """A training step: (params, batch_stats, key) → both updated, logits."""

    def step(params, batch_stats, key):
        def loss(params):
            return loss_of(model, {"params": params, **batch_stats}, features, key)

        gradient, (logits, _, updates) = jax.grad(loss, has_aux=True)(params)
        return (
            optax.apply_updates(params, jax.tree.map(lambda g: -1e-3 * g, gradient)),
            updates,
            logits,
        )

    return step


@pytest.mark.parametrize(("name", "fields", "shape"), SMALL, ids=lambda value: str(value)[:30])
def test_two_training_steps_keep_the_tree(name, fields, shape):
    model = create_model(name, num_classes=CLASSES, **fields)
    features = example(shape)
    variables = fixed_variables(initialised(model, features))
    evaluate = jax.jit(lambda variables, x: model.apply(variables, x, train=False)[0])
    # What a network makes of weights that were kept does not change.
    both = evaluate(variables, features)
    np.testing.assert_allclose(both, GOLDENS[name], rtol=1e-3, atol=1e-4)
    # A row's logits do not depend on its neighbours.
    for row in (0, 1):
        alone = evaluate(variables, features[[row, row]])[0]
        np.testing.assert_allclose(alone, both[row], rtol=1e-3, atol=1e-4)

    params = variables["params"]
    before = {kind: tree for kind, tree in variables.items() if kind != "params"}
    network = model.encoder if name in ("fusion", "taught") else model
    assert isinstance(network, BatchNormed) == bool(before), before.keys()
    step = jax.jit(step_of(model, features))
    once, statistics, logits = step(params, before, jax.random.key(1))
    other = step(params, before, jax.random.key(2))[2]
    assert not np.array_equal(logits, other), "training does not drop out"
    twice, statistics, _ = step(once, statistics, jax.random.key(2))
    assert jax.tree.map(jnp.shape, (twice, statistics)) == jax.tree.map(jnp.shape, (params, before))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((twice, statistics)))
    if name == "taught":  # of which the rest is kept as it was taught
        before, statistics = (tree["batch_stats"]["encoder"] for tree in (before, statistics))
    assert not any(jax.tree.leaves(jax.tree.map(np.array_equal, before, statistics)))


@pytest.mark.parametrize(("name", "fields", "shape"), SMALL, ids=lambda value: str(value)[:30])
def test_logits_parameters_and_embedding_are_float32_in_bfloat16(name, fields, shape):
    model = create_model(name, num_classes=CLASSES, dtype=jnp.bfloat16, **fields)
    features = jnp.zeros((2, *shape))
    key = jax.random.key(0)

    def everything():
        variables = model.init(key, features, train=False)
        evaluated = model.apply(variables, features, train=False)
        (_, trained), gradient = jax.value_and_grad(
            lambda params: loss_of(model, variables | {"params": params}, features, key),
            has_aux=True,
        )(variables["params"])
        return variables, evaluated, gradient, trained

    tree = jax.eval_shape(everything)
    assert {leaf.dtype for leaf in jax.tree.leaves(tree)} == {jnp.dtype(jnp.float32)}
    variables, (logits, intermediates), gradient, (dropped, _, updates) = tree
    assert logits.shape == dropped.shape == (2, CLASSES)
    assert intermediates["embedding"].shape[:1] == (2,)
    assert intermediates["embedding"].ndim == 2
    assert variables == {"params": gradient, **updates}


# Values that a field refuses, by what its annotation asks for ...
DOUBTFUL = {
    "tuple": [(), (0,), (-1, 2), ((0, 0),), ((2,), (3, 4)), (1.5,), ("x",)],
    "int": [-1, 0],
    "float": [-1.0, 1e6, math.nan],
    "str": ["x"],
}
# ... but for these, wherever they are or in one family: no such layer, mostly.
MEANINGFUL = {
    "num_classes": 0,
    "branch_units": 0,
    "dense_units": (),
    "elapsed": 1e6,
    "epsilon": 1e6,
    "gate_ratio": 1e6,
    "last_kernel": 0,
    "layer_widths": (),
    "offsets": ((0, 0),),
    "projection": 0,
    "SampleCNN.dense_units": 0,
    "Nakashika2012.widths": (),
    "ChoiCRNN.units": 0,
    "ChoiCRNN.widths": (),
    "_ChoiCNN.widths": (),
}


def doubtful_values(field):
    kind = str(field.type)
    kinds = ["tuple"] if kind.startswith("tuple") else [each for each in DOUBTFUL if each in kind]
    yield from (value for each in kinds for value in DOUBTFUL[each])


@pytest.mark.parametrize("name", sorted(MODELS))
def test_fields_out_of_range_are_one_sentence(name):
    fields, shape = SMALLER[name]
    for field in dataclasses.fields(MODELS[name]):
        if field.name in ("name", "parent", "axis_name", "dtype"):
            continue
        prefixes = ["", *(f"{family.__name__}." for family in MODELS[name].__mro__)]
        meaningful = [MEANINGFUL.get(f"{prefix}{field.name}") for prefix in prefixes]
        for value in doubtful_values(field):

            def build(field=field.name, value=value):
                model = create_model(name, **{"num_classes": 2, **fields, field: value})
                initialised(model, jnp.zeros((1, *shape)))

            if value in meaningful:
                build()
                continue
            with pytest.raises(UserError) as refused:
                build()
            assert "\n" not in str(refused.value), f"{field.name}={value}"


# The networks of published sizes that tiny clips fit into.
ANY_SIZE = {
    *("autoencoder", "cnn_sa", "efficientat", "mlp", "musicnn", "musicnn_torch", "resnet18"),
    *("resnet34", "rnn", "short_chunk_res"),
}
FIT = {
    (1, 1): ANY_SIZE,
    (7, 5, 2): {*ANY_SIZE, "nakashika2012"},
    (90, 20): {
        *ANY_SIZE,
        *("ast", "bbnn", "bbnn_cqt", "cnn1d", "crnn1d", "nakashika2012", "simple_crnn"),
    },
}


@pytest.mark.parametrize("shape", FIT, ids=str)
@pytest.mark.parametrize("name", sorted(MODELS))
def test_what_does_not_fit_is_one_sentence(name, shape):
    """Published sizes, tiny clips: they are classified or refused, never divided by nothing."""
    model = create_model(name, num_classes=CLASSES)

    def run():
        return model.init_with_output(jax.random.key(0), jnp.zeros((2, *shape)), train=False)

    if name not in FIT[shape]:
        with pytest.raises(UserError) as refused:
            jax.make_jaxpr(run)()
        assert name in str(refused.value)
        assert "\n" not in str(refused.value)
        return
    program = jax.make_jaxpr(run)()
    sizes = [math.prod(var.aval.shape) for eqn in program.jaxpr.eqns for var in eqn.outvars]
    # Random keys are scalars; an axis of no values would give a mean of nothing somewhere.
    assert min(sizes) > 0


def test_unknown_names_suggest_the_closest():
    with user_error("unknown_name", "choi_crn", "choi_crnn"):
        create_model("choi_crn", num_classes=10)
    with user_error("unknown_name", "bugdet", "budget"):
        create_model("crnn", num_classes=10, bugdet="1M")


def test_aliases_build_the_model_they_stand_for():
    for alias, name in ALIASES.items():
        assert create_model(alias, num_classes=10) == create_model(name, num_classes=10)
