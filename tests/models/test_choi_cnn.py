"""The convolutional networks of Choi et al. and the weights they released for one of them."""

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error

from mgr_jax.models import create_model


def shapes(name, features, **fields):
    """Shapes of the variables and of (logits, intermediates), computing nothing."""
    model = create_model(name, num_classes=10, **fields)
    (logits, intermediates), variables = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), jnp.zeros(features), train=False)
    )
    assert logits.shape == (features[0], 10)
    return variables["params"], intermediates["embedding"].shape


def released_variables(path) -> dict:
    """The HDF5 file as variables of `MusicTaggerCNN`."""
    with h5py.File(path) as file:

        def read(layer, array):
            return file[layer][f"{layer}_{array}:0"][()]

        def norm(layer):
            params = {"scale": read(layer, "gamma"), "bias": read(layer, "beta")}
            # Standard deviations, as their name says: with variances no layer fits its inputs.
            return params, {
                "mean": read(layer, "running_mean"),
                "var": read(layer, "running_std") ** 2,
            }

        params, stats = {}, {}
        params["input_norm"], stats["input_norm"] = norm("bn_0_freq")
        for i in range(1, 6):
            kernel = read(f"conv{i}", "W").transpose(3, 2, 1, 0)
            norm_params, norm_stats = norm(f"bn{i}")
            conv = {"kernel": kernel, "bias": read(f"conv{i}", "b")}
            params[f"block{i}"] = {"conv": conv, "norm": norm_params}
            stats[f"block{i}"] = {"norm": norm_stats}
        params["head"] = {"kernel": read("output", "W"), "bias": read("output", "b")}
    return {"params": params, "batch_stats": stats}


def test_released_weights_see_what_they_were_trained_on(shared_dir):
    """No outputs are published; but every layer's stored statistics are those of real music."""
    published = np.load(shared_dir / "parity/choi_crnn_bensound.npz")
    variables = released_variables(shared_dir / "weights/choi_cnn_msd.h5")
    model = create_model("music_tagger_cnn", num_classes=50)
    features = published["melgram"][:, 0].swapaxes(1, 2)
    # The statistics of its first layer are about 0 and 1: the input was standardised.
    assert abs(np.median(variables["batch_stats"]["input_norm"]["mean"])) < 0.1
    features = (features - features.mean()) / features.std()
    expected = jax.eval_shape(lambda: model.init(jax.random.key(0), features, train=False))
    assert jax.tree.map(np.shape, variables) == jax.tree.map(np.shape, expected)

    @jax.jit
    def evaluate(x):
        return model.apply(variables, x, train=False, capture_intermediates=True, mutable=True)

    (logits, _), state = evaluate(features)
    for i in range(1, 6):
        outputs = state["intermediates"][f"block{i}"]["conv"]["__call__"][0]
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
