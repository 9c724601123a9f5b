"""musicnn and its VGG by hand; tests/interop/test_musicnn.py has the released weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error
from scipy.signal import correlate

from mgr_jax.models import create_model


def test_kernels_are_as_high_as_their_share_of_the_bins():
    model = create_model(
        "musicnn", num_classes=10, heights=(0.25, 1.0), midend=512, dense_units=500
    )
    variables = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, 100, 128, 2)), train=False)
    )
    shapes = {
        name: variables["params"][name]["kernel"].shape
        for name in ("timbre1", "timbre2", "tempo1", "midend1", "midend2", "dense")
    }
    assert shapes == {
        "timbre1": (7, 32, 2, 204),
        "timbre2": (7, 128, 2, 204),
        "tempo1": (128, 1, 2, 51),
        "midend1": (7, 561, 512),
        "midend2": (7, 512, 512),
        "dense": (2 * (561 + 3 * 512), 500),
    }


def test_vgg_by_hand():
    """Against loops over windows and scipy's correlation."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((1, 11, 6)).astype(np.float32)
    model = create_model("musicnn_vgg", num_classes=3, width=2, pools=((2, 2),))
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), features, train=False))
    # Positive, as variances have to be; scales below 0 tell norm after ReLU from norm before it.
    variables = jax.tree.map(lambda x: rng.uniform(0.5, 1.5, x.shape).astype(np.float32), shapes)
    params, stats = variables["params"], variables["batch_stats"]
    params["conv1_norm"]["scale"] *= -1

    def norm(x, name):
        mean, var = stats[name]["mean"], stats[name]["var"]
        scaled = (x - mean) / np.sqrt(var + 1e-3)
        return scaled * params[name]["scale"] + params[name]["bias"]

    def convolve(x, name):
        kernel, bias = params[name]["kernel"], params[name]["bias"]
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        maps = [correlate(padded, kernel[..., i], "valid")[..., 0] for i in (0, 1)]
        return norm(np.maximum(np.stack(maps, axis=-1) + bias, 0), f"{name}_norm")

    def pool(x, window, stride):
        steps, bins = ((n - w) // stride + 1 for n, w in zip(x.shape, window, strict=False))
        cut = lambda n, i: slice(stride * i, stride * i + window[n])  # noqa: E731
        return np.array(
            [[x[cut(0, t), cut(1, f)].max(axis=(0, 1)) for f in range(bins)] for t in range(steps)]
        )

    x = pool(convolve(norm(features[0, ..., None], "input_norm"), "conv1"), (4, 1), 2)
    assert x.shape == (4, 3, 2)
    embedding = pool(convolve(x, "conv2"), (2, 2), 2).ravel()
    expected = embedding @ params["head"]["kernel"] + params["head"]["bias"]
    logits, intermediates = model.apply(variables, features, train=False)
    np.testing.assert_allclose(intermediates["embedding"][0], embedding, rtol=1e-4)
    np.testing.assert_allclose(logits[0], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("frames", "bins", "dim"), [(66, 63, 128), (187, 96, 256), (400, 192, 6 * 3 * 128)]
)
def test_vgg_lays_what_remains_beside_the_channels(frames, bins, dim):
    model = create_model("musicnn_vgg", num_classes=10)
    features = jnp.zeros((1, frames, bins))
    (_, intermediates), _ = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), features, train=False)
    )
    assert intermediates["embedding"].shape == (1, dim)


@pytest.mark.parametrize(("frames", "bins"), [(65, 63), (66, 62)])
def test_vgg_rejects_small_inputs(frames, bins):
    model = create_model("musicnn_vgg", num_classes=10)
    with user_error("model.clip_too_small", "66 frames of 63 bins"):
        model.init(jax.random.key(0), jnp.zeros((1, frames, bins)), train=False)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"heights": ()}, "model.out_of_range"),
        ({"heights": (38, 67)}, "model.out_of_range"),
        ({"lengths": (128, 0)}, "model.wrong_sizes"),
        ({"midend": 0}, "model.out_of_range"),
    ],
)
def test_wrong_fields_are_one_sentence(fields, code):
    with user_error(code, "musicnn", *fields):
        create_model("musicnn", num_classes=10, **fields)
