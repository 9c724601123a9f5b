"""The strided networks of Li et al. 2010 and of Dieleman and Schrauwen 2014, in SciPy."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from errors import user_error
from scipy import signal

from mgr_jax.audio.frontends import create_frontend
from mgr_jax.models import create_model


def network(name, shape):
    """Parameters, one clip and its embedding, of the published size."""
    model = create_model(name, num_classes=3)
    clip = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    (_, intermediates), variables = jax.jit(
        lambda x: model.init_with_output(jax.random.key(1), x, train=False)
    )(clip[None])
    return variables["params"], clip, intermediates["embedding"][0]


def conv(x, params, stride=1):
    outputs = [
        signal.correlate(x, kernel, mode="valid")[::stride, 0]
        for kernel in np.moveaxis(params["kernel"], 2, 0)
    ]
    return np.stack(outputs, axis=1) + params["bias"]


def test_li2010_layers_are_as_in_the_baselines_of_fma():
    params, x, embedding = network("li2010", (200, 13))
    for layer, steps in (("conv1", 48), ("conv2", 10), ("conv3", 1)):
        x = np.maximum(conv(x, params[layer], stride=4), 0)
        assert len(x) == steps
    np.testing.assert_allclose(embedding, x[0], atol=1e-4)


def test_dieleman2014_layers_are_as_in_the_baselines_of_fma():
    params, x, embedding = network("dieleman2014", (48_000, 1))
    x = np.maximum(conv(x, params["conv1"], stride=512), 0)
    assert x.shape == (93, 128)
    for layer, steps in (("conv2", 21), ("conv3", 3)):
        x = np.maximum(conv(x, params[layer]), 0)
        x = x[: len(x) // 4 * 4].reshape(-1, 4, 32).max(axis=1)
        assert len(x) == steps
    x = x.reshape(-1) @ params["dense"]["kernel"] + params["dense"]["bias"]
    np.testing.assert_allclose(embedding, np.maximum(x, 0), atol=1e-4)


def test_li2010_preset_is_librosas_mfcc():
    y = np.random.default_rng(0).standard_normal(189 * 256).astype(np.float32) / 10
    expected = librosa.feature.mfcc(
        y=np.pad(y, 256, mode="reflect"), sr=22_050, n_mfcc=13, n_fft=512, hop_length=256,
        center=False,
    )  # fmt: skip
    actual = create_frontend("li2010").apply({}, y[None])[0]
    np.testing.assert_allclose(actual, expected.T, atol=1e-2)


@pytest.mark.parametrize(
    ("name", "shape", "dim"),
    [
        ("li2010", (2582, 13), 65 * 38),  # 2582 frames → 644 → 159 → 38
        ("dieleman2014", (479_625, 1), 100),
    ],
)
def test_whole_clips_of_fma_fit(name, shape, dim):
    model = create_model(name, num_classes=3)
    (_, intermediates), _ = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), jnp.zeros((2, *shape)), train=False)
    )
    assert intermediates["embedding"].shape == (2, dim)


@pytest.mark.parametrize(
    ("name", "shape", "needed"),
    [
        ("li2010", (189, 13), 190),
        ("dieleman2014", (26_111, 1), 26_112),
    ],
)
def test_clips_too_short_are_rejected(name, shape, needed):
    model = create_model(name, num_classes=3)
    with user_error("model.clip_too_small", name, needed):
        model.init(jax.random.key(0), jnp.zeros((1, *shape)), train=False)
    fewest = jnp.zeros((1, shape[0] + 1, shape[1]))
    assert jax.eval_shape(lambda: model.init(jax.random.key(0), fewest, train=False))


@pytest.mark.parametrize("name", ["li2010", "dieleman2014"])
def test_fields_are_checked(name):
    with user_error("model.out_of_range", name, "kernel"):
        create_model(name, num_classes=3, kernel=0)
    with user_error("model.wrong_sizes", name, "widths"):
        create_model(name, num_classes=3, widths=())
