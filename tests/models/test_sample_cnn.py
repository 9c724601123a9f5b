"""SampleCNN against its published table, written out with SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from mgr_jax.errors import UserError
from mgr_jax.models import create_model


def random_variables(model, samples):
    rng = np.random.default_rng(0)
    variables = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, samples, 1)), train=False)
    )

    def values(path, leaf):
        # Kernels as at the start of training; norms that do more than nothing.
        width = (2 / np.prod(leaf.shape[:-1])) ** 0.5
        matrix = path[-1].key == "kernel"
        draw = rng.normal(0, width, leaf.shape) if matrix else rng.uniform(0.5, 1.5, leaf.shape)
        return draw.astype(np.float32)

    return jax.tree_util.tree_map_with_path(values, variables)


def block(variables, name, x, mode, stride, pool):
    """Convolution, batch norm, ReLU, max pooling of one clip [samples, channels]."""
    conv, norm = (variables["params"][name][part] for part in ("conv", "norm"))
    stats = variables["batch_stats"][name]["norm"]
    x = np.stack(
        [
            signal.correlate(x, kernel, mode=mode)[:, kernel.shape[1] // 2 if mode == "same" else 0]
            for kernel in np.moveaxis(conv["kernel"], 2, 0)
        ],
        axis=1,
    )[::stride]
    x = (x + conv["bias"] - stats["mean"]) / np.sqrt(stats["var"] + 1e-3)
    x = np.maximum(x * norm["scale"] + norm["bias"], 0)
    return x[: len(x) // pool * pool].reshape(-1, pool, x.shape[1]).max(axis=1)


@pytest.mark.parametrize("samples", [27, 28, 60])
def test_layers_are_as_published(samples):
    model = create_model("sample_cnn", num_classes=5, depth=2)
    variables = random_variables(model, samples)
    clip = np.random.default_rng(1).standard_normal((samples, 1)).astype(np.float32)
    logits, intermediates = model.apply(variables, clip[None], train=False)

    x = block(variables, "stem", clip, "valid", 3, 1)
    x = block(variables, "block1", x, "same", 1, 3)
    x = block(variables, "block2", x, "same", 1, 3)
    expected = block(variables, "last", x, "same", 1, 1).max(axis=0)
    np.testing.assert_allclose(intermediates["embedding"][0], expected, rtol=1e-4, atol=1e-4)
    head = variables["params"]["head"]
    np.testing.assert_allclose(logits[0], expected @ head["kernel"] + head["bias"], atol=1e-3)


def widths(**fields):
    model = create_model("sample_cnn", num_classes=5, **fields)
    variables = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, model.min_samples, 1)), train=False)
    )
    params = variables["params"]
    names = ["stem", *(f"block{i}" for i in range(1, model.depth + 1)), "last"]
    return model.min_samples, [params[name]["conv"]["kernel"].shape[::2] for name in names]


def test_channels_of_the_published_models():
    samples, shapes = widths()
    assert samples == 59_049
    assert shapes == [(3, 128)] + [(3, 128)] * 2 + [(3, 256)] * 6 + [(3, 512), (1, 512)]
    samples, shapes = widths(base=2, depth=13)
    assert samples == 16_384
    assert shapes == [(2, 128)] + [(2, 128)] * 2 + [(2, 256)] * 10 + [(2, 512), (1, 512)]
    assert widths(depth=8)[0] == 19_683


def test_clips_and_fields_too_small_are_rejected():
    model = create_model("sample_cnn", num_classes=10)
    with pytest.raises(UserError, match=r"59048 samples, .* need at least 59049"):
        model.init(jax.random.key(0), jnp.zeros((1, 59_048, 1)), train=False)
    with pytest.raises(UserError, match="base is 1; use 2 or more"):
        create_model("sample_cnn", num_classes=10, base=1)
