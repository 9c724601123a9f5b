"""What a network computes of a filled clip whose length it is told is what it computes of it alone.

The filling is garbage, which must not matter.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from small_networks import SMALLER

from mgr_jax.models import MODELS, create_model, efficientat
from mgr_jax.models.convolution import Conv
from mgr_jax.models.masking import convolve, reverse, shorten
from mgr_jax.models.normalisation import BatchNorm

CLASSES = 3
# The fields with which they can, where they cannot by default, or the other way round.
CHANGED = {"compact_cnn": {"readout": "means"}, "fusion": {"encoder": {"name": "choi_crnn"}}}
WITH_ENCODER = ("fusion", "taught")
BY_SETTING = {"choi_crnn": {"time_pad": 48}, "compact_cnn": {"readout": "last"}}


def small(name):
    """The network of a few thousand parameters that drops nothing out."""
    fields = SMALLER[name][0] | CHANGED.get(name, {})
    if name in WITH_ENCODER:
        fields["encoder"] = {"name": "choi_crnn", "kwargs": SMALLER["choi_crnn"][0]}
    model = create_model(name, num_classes=CLASSES, **fields)
    parts = [model, model.encoder] if name in WITH_ENCODER else [model]
    kept = [
        part.clone(**{f.name: 0.0 for f in dataclasses.fields(part) if f.name.endswith("dropout")})
        for part in parts
    ]
    return kept[0].clone(encoder=kept[1]) if name in WITH_ENCODER else kept[0]


CAN = [name for name in sorted(SMALLER) if small(name).masks_filling]


@pytest.fixture(autouse=True, scope="module")
def compile_quickly():
    """Dozens of networks are compiled and each runs for milliseconds."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def random_variables(model, features):
    """Variables without zeros and ones, which would hide what is not left out."""
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), features, train=False))
    rng = np.random.default_rng(0)

    def draw(path, leaf):
        if path[-1].key == "var":
            return rng.uniform(0.5, 2.0, leaf.shape).astype(np.float32)
        scale = 0.5 / np.sqrt(max(1, np.prod(leaf.shape[:-1])))
        return (scale * rng.standard_normal(leaf.shape)).astype(np.float32)

    return jax.tree_util.tree_map_with_path(draw, shapes)


def fitted(variables, steps):
    """`ast` has a position for every patch of the filled clips; the clip alone has the first."""
    variables = jax.tree.map(lambda leaf: leaf, variables)
    if "positions" in variables["params"]:
        variables["params"]["positions"] = variables["params"]["positions"][:steps]
    return variables


@pytest.mark.parametrize("name", CAN)
def test_a_filled_clip_is_the_clip_alone(name, monkeypatch):
    # Of its 15 blocks, one of every kind: all of them take half a minute to compile.
    rows = [efficientat.ROWS[number] for number in (0, 1, 3, 6, 12, 13)]
    monkeypatch.setattr(efficientat, "ROWS", tuple(rows))
    model = small(name)
    frames, *rest = SMALLER["choi_crnn" if name == "fusion" else name][1]
    size, length = 2 * frames + 5, frames + 1
    rng = np.random.default_rng(1)
    filled = rng.standard_normal((2, size, *rest)).astype(np.float32)
    filled[:, length:] *= 100
    alone = filled[:, :length]
    variables = random_variables(model, filled)
    steps = 1 + (length - 4) // 3  # of the patches of `ast`

    @jax.jit
    def run(filled, alone):
        short = fitted(variables, steps)
        told = model.apply(variables, filled, train=False, lengths=jnp.array([length, size]))[0]
        trained = [
            model.apply(
                *(own, clips),
                train=True,
                mutable=["batch_stats"],
                rngs={"dropout": jax.random.key(0)},
                **lengths,
            )
            for own, clips, lengths in (
                (variables, filled, {"lengths": jnp.array([length, length])}),
                (short, alone, {}),
            )
        ]
        return (
            (told[0], model.apply(short, alone, train=False)[0][0]),
            (told[1], model.apply(variables, filled, train=False)[0][1]),
            [(logits, updates.get("batch_stats", {})) for (logits, _), updates in trained],
        )

    *evaluated, (there, here) = run(filled, alone)
    for actual, expected in evaluated:
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4)
    assert not np.allclose(evaluated[0][0], evaluated[1][0])
    # Batch statistics leave it out as well.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3), there, here)


@pytest.mark.parametrize("name", ["bbnn", "choi_crnn", "cnn_sa", "musicnn", "sample_cnn_rese"])
def test_no_gradient_reaches_the_filling(name):
    model = small(name)
    frames, *rest = SMALLER[name][1]
    features = np.random.default_rng(1).standard_normal((2, 2 * frames, *rest)).astype(np.float32)
    variables = random_variables(model, features)
    # One clip is too short for the layers.
    lengths = jnp.array([1, frames])

    @jax.jit
    def gradients(params, features):
        def loss(params, features):
            (logits, _), _ = model.apply(
                variables | {"params": params},
                features,
                train=True,
                lengths=lengths,
                mutable=["batch_stats"],
                rngs={"dropout": jax.random.key(0)},
            )
            return jnp.square(logits - 1).mean()

        return jax.grad(loss, (0, 1))(params, features)

    of_params, of_features = gradients(variables["params"], features)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(of_params))
    assert np.abs(of_features[1, :frames]).max() > 0
    for row, length in enumerate(lengths):
        np.testing.assert_array_equal(of_features[row, length:], 0)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_network_that_cannot_says_so(name):
    model = create_model(name, num_classes=CLASSES)
    told = "Filling counts" in MODELS[name].__doc__
    assert told == (not model.masks_filling or name in BY_SETTING)
    if name in BY_SETTING:
        assert not create_model(name, num_classes=CLASSES, **BY_SETTING[name]).masks_filling
    if not model.masks_filling and name not in BY_SETTING and "crnn" not in name:
        with pytest.raises(TypeError, match="lengths"):
            model.init(jax.random.key(0), jnp.zeros((1, 9, 9)), train=False, lengths=jnp.array([3]))


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(3, 1, "SAME"), (4, 1, "SAME"), (4, 1, "VALID"), (3, 2, ((1, 1),)), (7, 3, ((3, 2),))],
    ids=str,
)
def test_lengths_after_a_convolution_are_those_of_the_clip_alone(kernel, stride, padding):
    layer = Conv(1, (kernel,), strides=stride, padding=padding)
    lengths = jnp.arange(kernel, kernel + 6)
    x = jnp.ones((len(lengths), 20, 1))
    (_, after), variables = nn.init_with_output(lambda m: convolve(m, x, lengths), layer)(
        jax.random.key(0)
    )
    alone = [jax.eval_shape(layer.apply, variables, x[:, :length]).shape[1] for length in lengths]
    assert after.tolist() == alone


def test_a_clip_keeps_a_frame_and_none_stays_none():
    assert shorten(jnp.array([0, 1, 3, 4, 9]), 4).tolist() == [0, 1, 1, 1, 2]
    assert shorten(None, 4) is None


def test_reversed_clips_begin_with_their_last_frames():
    x = jnp.arange(10).reshape(2, 5, 1)
    assert reverse(x, jnp.array([3, 5]))[..., 0].tolist() == [[2, 1, 0, 3, 4], [9, 8, 7, 6, 5]]
    assert reverse(x, None)[..., 0].tolist() == [[4, 3, 2, 1, 0], [9, 8, 7, 6, 5]]


def test_masked_batch_norm_is_flaxs_and_the_same_on_several_devices():
    x = np.random.default_rng(0).standard_normal((4, 6, 3, 2)).astype(np.float32)
    mask = np.arange(6)[:, None, None] < np.array([1, 2, 6, 6])[:, None, None, None]
    plain = nn.BatchNorm(use_running_average=False)
    variables = plain.init(jax.random.key(0), x)

    def train(layer, x, **mask):
        return layer.apply(variables, x, **mask, mutable=["batch_stats"])

    expected = train(plain, x, mask=mask)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-5),
        train(BatchNorm(train=True), x, mask=mask),
        expected,
    )
    # Flax would give the device with few frames as much weight as the other.
    halves, state = jax.pmap(
        lambda x, mask: train(BatchNorm(train=True, axis_name="batch"), x, mask=mask),
        axis_name="batch",
        devices=jax.devices()[:2],
    )(x.reshape(2, 2, *x.shape[1:]), mask.reshape(2, 2, *mask.shape[1:]))
    np.testing.assert_allclose(halves.reshape(x.shape), expected[0], rtol=0, atol=1e-5)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[0], b, rtol=0, atol=1e-6), state, expected[1]
    )
