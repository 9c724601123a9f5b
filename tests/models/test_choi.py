"""The CRNN of Choi et al. and the weights they released."""

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error

from mgr_jax.models import create_model


def keras_1_variables(path) -> dict:
    """The released HDF5 file as variables of `MusicTaggerCRNN`."""
    with h5py.File(path) as file:

        def read(layer, array):
            return file[layer][f"{layer}_{array}:0"][()]

        def norm(layer):
            params = {"scale": read(layer, "gamma_1"), "bias": read(layer, "beta_1")}
            # Standard deviations by name, and in test_choi_cnn.py; published as if variances.
            stats = {"mean": read(layer, "running_mean_1"), "var": read(layer, "running_std_1")}
            return params, stats

        params, stats = {}, {}
        params["input_norm"], stats["input_norm"] = norm("bn_0_freq")
        for i in range(1, 5):
            # [out, in, bins, time], cross-correlated.
            kernel = read(f"conv{i}", "W_1").transpose(3, 2, 1, 0)
            norm_params, norm_stats = norm(f"bn{i}")
            conv = {"kernel": kernel, "bias": read(f"conv{i}", "b_1")}
            params[f"block{i}"] = {"conv": conv, "norm": norm_params}
            stats[f"block{i}"] = {"norm": norm_stats}
        for layer in ("gru1", "gru2"):
            params[layer] = {}
            for name, letter in (("update", "z"), ("reset", "r"), ("candidate", "h")):
                dense = {"kernel": read(layer, f"W_{letter}"), "bias": read(layer, f"b_{letter}")}
                params[layer] |= {name: dense, f"{name}_state": read(layer, f"U_{letter}")}
        params["head"] = {"kernel": read("output", "W_1"), "bias": read("output", "b_1")}
    return {"params": params, "batch_stats": stats}


def test_released_weights_give_the_published_tags(shared_dir):
    published = np.load(shared_dir / "parity/choi_crnn_bensound.npz")
    variables = keras_1_variables(shared_dir / "weights/choi_crnn_msd.h5")
    model = create_model("music_tagger_crnn", num_classes=50)
    features = published["melgram"][:, 0].swapaxes(1, 2)
    logits, _ = jax.jit(lambda x: model.apply(variables, x, train=False))(features)
    np.testing.assert_allclose(jax.nn.sigmoid(logits), published["prob"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("frames", "bins", "fields", "steps", "units"),
    [
        (1366, 96, {}, 14, 30),
        (1366, 96, {"time_pad": 1440}, 15, 30),
        (96, 96, {}, 1, 30),
        (250, 200, {"budget": "0.25M"}, 2, 48),
        (130, 128, {"pools": ((2, 2), (2, 2), (2, 4), (4, 4))}, 4, 30),
    ],
)
def test_steps_and_embedding(frames, bins, fields, steps, units):
    model = create_model("crnn", num_classes=10, **fields)
    assert model.recurrent_steps(frames) == steps
    (logits, intermediates), _ = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), jnp.zeros((2, frames, bins)), train=False)
    )
    assert logits.shape == (2, 10)
    assert intermediates["sequence"].shape == (2, steps, units)
    assert intermediates["embedding"].shape == (2, units)


def test_channels_are_accepted():
    model = create_model("crnn", num_classes=10)
    logits, _ = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), jnp.zeros((1, 96, 96, 3)), train=False)[0]
    )
    assert logits.shape == (1, 10)


@pytest.mark.parametrize(
    ("shape", "fields", "code", "named"),
    [
        ((95, 96), {}, "model.clip_too_small", "96 frames"),
        ((200, 80), {}, "model.clip_too_small", "96 frames of 96 bins"),
        ((1500, 96), {"time_pad": 1440}, "model.clip_too_large", "time_pad=1440"),
    ],
)
def test_clips_of_the_wrong_length_are_rejected(shape, fields, code, named):
    model = create_model("crnn", num_classes=10, **fields)
    with user_error(code, "choi_crnn", named):
        model.init(jax.random.key(0), jnp.zeros((1, *shape)), train=False)


@pytest.mark.parametrize("fields", [{"budget": "2M"}, {"gate": "sigmod"}], ids=str)
def test_unknown_choices_are_named(fields):
    ((name, value),) = fields.items()
    with user_error("unknown_name", name, value):
        create_model("crnn", num_classes=10, **fields)
