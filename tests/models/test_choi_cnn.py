"""The convolutional networks of Choi et al. and the weights they released for one of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error
from imported import import_network

from mgr_jax.interop.read import read_tensors
from mgr_jax.models import create_model


def shapes(name, features, **fields):
    """Shapes of the variables and of (logits, intermediates), computing nothing."""
    model = create_model(name, num_classes=10, **fields)
    (logits, intermediates), variables = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), jnp.zeros(features), train=False)
    )
    assert logits.shape == (features[0], 10)
    return variables["params"], intermediates["embedding"].shape


def test_released_weights_see_what_they_were_trained_on(shared_dir):
    """No outputs are published; but every layer's stored statistics are those of real music."""
    published = np.load(shared_dir / "parity/choi_crnn_bensound.npz")
    arrays = read_tensors(shared_dir / "weights/choi_cnn_msd.h5")
    # Its running_std are standard deviations: with variances no layer fits its inputs.
    network = import_network("choi_cnn", arrays, "standardised")
    model, variables = network.model, network.variables
    features = published["melgram"][:, 0].swapaxes(1, 2)
    # The statistics of its first layer are about 0 and 1: the input was standardised.
    assert abs(np.median(variables["batch_stats"]["input_norm"]["mean"])) < 0.1
    features = (features - features.mean()) / features.std()

    @jax.jit
    def evaluate(x):
        return model.apply(variables, x, train=False, capture_intermediates=True, mutable=True)

    (logits, _), state = evaluate(features)
    for i in range(1, 6):
        # The bias, which is returned beside them, does not change how far they spread.
        outputs, _ = state["intermediates"][f"block{i}"]["conv"]["__call__"][0]
        stored = np.sqrt(variables["batch_stats"][f"block{i}"]["norm"]["var"])
        assert 0.8 < np.median(outputs.std((0, 1, 2)) / stored) < 1.2
    # Four pieces of bensound.com: Cute, Actionable, Dubstep, The Jazz Piano.
    best = published["tags"][logits.argmax(axis=1)]
    assert best.tolist() == ["jazz", "rock", "electronic", "jazz"]


@pytest.mark.parametrize(
    ("name", "fields", "features", "dim"),
    [
        (
            "choi_k2c2",
            {"pools": ((2, 2), (2, 2), (3, 4), (1, 2), (1, 1))},
            (2, 130, 64),
            10 * 2 * 83,
        ),
        ("choi_k2c2", {}, (2, 1366, 96, 3), 83),
        ("choi_k2c2", {"widths": (3, 4), "pools": ((8, 8), (8, 8))}, (2, 64, 64), 4),
        ("choi_k2c1", {"pools": (2, 2, 2, 2, 2)}, (2, 130, 64), 87),
        ("choi_k2c1", {"budget": "1M"}, (2, 1366, 96, 3), 304),
        ("choi_k1c2", {"pools": (2, 2, 4, 4), "budget": "3M"}, (2, 130, 64), 163),
        ("choi_k1c2", {}, (2, 1366, 96, 3), 30),
    ],
)
def test_embedding_for_other_pools_and_channels(name, fields, features, dim):
    _, embedding = shapes(name, features, **fields)
    assert embedding == (2, dim)


def test_k2c1_spans_all_bins_and_k1c2_keeps_them_apart():
    over_bins, _ = shapes("choi_k2c1", (1, 1366, 96))
    assert over_bins["block1"]["conv"]["kernel"].size == 4 * 96 * 43
    assert over_bins["dense1"]["kernel"].shape == (87, 87)
    along_time, _ = shapes("choi_k1c2", (1, 1366, 96))
    assert along_time["block1"]["conv"]["kernel"].size == 4 * 15
    assert along_time["dense1"]["kernel"].shape == (96 * 30, 30)


@pytest.mark.parametrize(
    ("name", "shape", "needed"),
    [
        ("choi_k2c2", (1279, 96), "1280 frames of 96 bins"),
        ("choi_k2c2", (1366, 95), "1280 frames of 96 bins"),
        ("choi_k2c1", (1023, 96), "1024 frames"),
        ("choi_k1c2", (1279, 96), "1280 frames"),
    ],
)
def test_clips_too_small_are_rejected(name, shape, needed):
    with user_error("model.clip_too_small", name, needed):
        shapes(name, (1, *shape))


@pytest.mark.parametrize("name", ["choi_k2c2", "choi_k2c1", "choi_k1c2"])
@pytest.mark.parametrize(
    ("fields", "code"),
    [({"budget": "2M"}, "unknown_name"), ({"pools": ((2, 2),)}, "model.wrong_sizes")],
    ids=str,
)
def test_unknown_choices_are_named(name, fields, code):
    ((field, _),) = fields.items()
    with user_error(code, name, field):
        create_model(name, num_classes=10, **fields)
