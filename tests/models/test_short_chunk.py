"""The short-chunk CNNs, the harmonic CNN and CNN-SA of Won et al., which have no public weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error
from flax import linen as nn
from scipy.signal import correlate

from mgr_jax.models import create_model
from mgr_jax.models.transformer import TransformerEncoder


def random_variables(model, features):
    """Variables between 0.5 and 1.5: no variance is below 0, and nothing cancels."""
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), features, train=False))
    return jax.tree.map(lambda x: rng.uniform(0.5, 1.5, x.shape).astype(np.float32), shapes)


def shapes(name, features, **fields):
    """Shapes of the intermediates and of the parameters."""
    model = create_model(name, num_classes=10, **fields)
    (_, intermediates), variables = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), features, train=False)
    )
    return jax.tree.map(lambda x: x.shape, (intermediates, variables["params"]))


@pytest.mark.parametrize("name", ["short_chunk", "short_chunk_res"])
def test_one_layer_by_hand(name):
    """Against numpy and scipy's correlation."""
    features = np.random.default_rng(1).standard_normal((1, 9, 6)).astype(np.float32)
    model = create_model(name, num_classes=3, widths=(2,), pools=((2, 2),))
    variables = random_variables(model, features)
    params, stats = variables["params"], variables["batch_stats"]

    def norm(x, params, stats):
        scaled = (x - stats["mean"]) / np.sqrt(stats["var"] + 1e-5)
        return scaled * params["scale"] + params["bias"]

    def convolve(x, layer, stride=1):
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        maps = [correlate(padded, layer["kernel"][..., i], "valid")[..., 0] for i in (0, 1)]
        return (np.stack(maps, axis=-1) + layer["bias"])[::stride, ::stride]

    def relu(x):
        return np.maximum(x, 0)

    x = norm(features[0, ..., None], params["input_norm"], stats["input_norm"])
    block, norms = params["block1"], stats["block1"]
    if name == "short_chunk":
        x = relu(norm(convolve(x, block["conv"]), block["norm"], norms["norm"]))[:8]
        x = x.reshape(4, 2, 3, 2, 2).max(axis=(1, 3))
    else:
        shortcut = convolve(x, block["shortcut"], stride=2)
        shortcut = norm(shortcut, block["shortcut_norm"], norms["shortcut_norm"])
        x = relu(norm(convolve(x, block["conv1"], stride=2), block["norm1"], norms["norm1"]))
        x = relu(norm(convolve(x, block["conv2"]), block["norm2"], norms["norm2"]) + shortcut)
        assert x.shape == (5, 3, 2)
    x = x.max(axis=(0, 1)) @ params["dense"]["kernel"] + params["dense"]["bias"]
    embedding = relu(norm(x, params["dense_norm"], stats["dense_norm"]))
    logits, intermediates = model.apply(variables, features, train=False)
    np.testing.assert_allclose(intermediates["embedding"][0], embedding, rtol=1e-4)
    expected = embedding @ params["head"]["kernel"] + params["head"]["bias"]
    np.testing.assert_allclose(logits[0], expected, rtol=1e-4)


def test_clips_of_any_length_give_one_embedding():
    for name, frames in (("short_chunk", (128, 1000)), ("short_chunk_res", (1, 1000))):
        for count in frames:
            intermediates, params = shapes(name, jnp.zeros((1, count, 128)))
            assert intermediates["embedding"] == (1, 512)
    assert params["block7"]["shortcut"]["kernel"] == (3, 3, 256, 512)


@pytest.mark.parametrize(
    ("name", "frames", "needed"),
    [("short_chunk", 127, "128 frames of 128 bins"), ("harmonic_cnn", 287, "288 frames of 128")],
)
def test_small_inputs_are_rejected(name, frames, needed):
    with user_error("model.clip_too_small", name, needed):
        shapes(name, jnp.zeros((1, frames, 128)))


def test_every_harmonic_is_normalised_by_itself():
    features = np.random.default_rng(2).standard_normal((2, 16, 8, 3)).astype(np.float32)
    model = create_model(
        "harmonic_cnn", num_classes=5, width=2, pools=((2, 2), (2, 2), (2, 2)) + ((1, 1),) * 4
    )
    variables = random_variables(model, features)
    statistics = {"mean": features.mean(axis=(0, 1, 2)), "var": features.var(axis=(0, 1, 2))}
    variables["batch_stats"]["input_norm"] = statistics
    apply = jax.jit(lambda variables, x: model.apply(variables, x, train=False)[0])
    logits = apply(variables, features)
    # Louder harmonics are as loud as before once they are normalised.
    gain = np.float32([1, 10, 100])
    variables["batch_stats"]["input_norm"] = {
        "mean": statistics["mean"] * gain,
        "var": statistics["var"] * gain**2,
    }
    louder = apply(variables, features * gain)
    np.testing.assert_allclose(logits, louder, rtol=1e-3)


def test_harmonic_cnn_has_shortcuts_where_the_width_stays():
    intermediates, params = shapes("harmonic_cnn", jnp.zeros((1, 313, 128, 6)))
    assert intermediates["embedding"] == (1, 256)
    kernels = {
        f"{block}/{layer}": params[block][layer]["kernel"][2:]
        for block in sorted(params)
        for layer in sorted(params[block])
        if block.startswith("block") and "kernel" in params[block][layer]
    }
    residual = {2: 128, 3: 128, 4: 128, 6: 256, 7: 256}
    assert kernels == {"block1/conv": (6, 128), "block5/conv": (128, 256)} | {
        f"block{block}/conv{number}": (width, width)
        for block, width in residual.items()
        for number in (1, 2)
    }


def test_cnn_sa_reads_a_constant_token_and_has_no_positions():
    features = np.random.default_rng(3).standard_normal((2, 14, 4)).astype(np.float32)
    model = create_model(
        "cnn_sa",
        num_classes=5,
        widths=(8,),
        pools=((2, 4),),
        heads=2,
        hidden=8,
    )
    variables = jax.jit(lambda: model.init(jax.random.key(0), features, train=False))()

    @jax.jit
    def apply(order):
        seen = []

        def reorder(call, args, kwargs, context):
            if isinstance(context.module, TransformerEncoder):
                seen.append(args[0])
                args = (args[0][:, order],)
            return call(*args, **kwargs)

        with nn.intercept_methods(reorder):
            return model.apply(variables, features, train=False)[0], seen[0]

    logits, tokens = apply(jnp.arange(8))
    # One token before 14 / 2 steps; the first numbers that NumPy draws from seed 0.
    assert tokens.shape == (2, 8, 8)
    np.testing.assert_allclose(tokens[:, 0, :2], [[0.54881350, 0.71518937]] * 2, rtol=1e-6)
    reordered, _ = apply(jnp.array([0, 4, 2, 7, 1, 6, 5, 3]))
    np.testing.assert_allclose(reordered, logits, rtol=1e-4, atol=1e-5)
    # The token's output is what is classified.
    another, _ = apply(jnp.array([4, 0, 2, 7, 1, 6, 5, 3]))
    assert not np.allclose(another, logits, rtol=1e-2)


def test_cnn_sa_needs_heads_that_divide_its_width():
    with user_error("model.heads", "cnn_sa", 7, 256):
        shapes("cnn_sa", jnp.zeros((1, 16, 128)), heads=7)
    # Twice as many bins are twice as wide.
    intermediates, params = shapes("cnn_sa", jnp.zeros((1, 16, 256)))
    assert intermediates["embedding"] == (1, 512)
    assert params["encoder"]["layer2"]["dense1"]["kernel"] == (512, 1024)


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("short_chunk", {"widths": (128, 256)}, "model.wrong_sizes"),
        ("harmonic_cnn", {"pools": ((2, 2),) * 6}, "model.wrong_sizes"),
        ("harmonic_cnn", {"width": 0}, "model.out_of_range"),
        ("cnn_sa", {"layers": 0}, "model.out_of_range"),
    ],
)
def test_wrong_fields_are_one_sentence(name, fields, code):
    with user_error(code, name, *fields):
        create_model(name, num_classes=10, **fields)
