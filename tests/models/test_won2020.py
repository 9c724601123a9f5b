"""The networks of Won et al. 2020 that have released weights, and those weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error
from torch_checkpoint import read_state_dict

from mgr_jax.audio.frontends import create_frontend
from mgr_jax.models import create_model


def flax_variables(tensors: dict[str, np.ndarray], names: dict[str, tuple[str, ...]]) -> dict:
    """PyTorch's modules as variables, at the paths that `names` gives.

    Modules with "bn" in their name are batch norms; the others are convolutions or dense layers.
    """
    variables: dict = {"params": {}, "batch_stats": {}}
    for module, path in names.items():
        weight, bias = tensors[f"{module}.weight"], tensors[f"{module}.bias"]
        if "bn" in module:
            params = {"scale": weight, "bias": bias}
            mean, var = (tensors[f"{module}.running_{name}"] for name in ("mean", "var"))
            insert(variables["batch_stats"], path, {"mean": mean, "var": var})
        else:
            # [out, in, bins, time], likewise without bins, or without both.
            params = {"kernel": weight.transpose(), "bias": bias}
        insert(variables["params"], path, params)
    return variables


def insert(tree: dict, path: tuple[str, ...], leaf: dict) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = leaf


def convolutional(tensors: dict[str, np.ndarray], layers: int) -> dict:
    names = {"spec_bn": ("input_norm",), "dense": ("head",)}
    for layer in range(1, layers + 1):
        names[f"layer{layer}.conv"] = (f"block{layer}", "conv")
        names[f"layer{layer}.bn"] = (f"block{layer}", "norm")
    return flax_variables(tensors, names)


def fcn(tensors: dict[str, np.ndarray]) -> dict:
    return convolutional(tensors, 5)


def won_crnn(tensors: dict[str, np.ndarray]) -> dict:
    variables = convolutional(tensors, 4)
    for layer in (0, 1):
        weights = {}
        parts = [
            np.split(tensors[f"layer5.{name}_l{layer}"], 3)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        for gate, (from_input, from_state, bias, state_bias) in zip(
            ("reset", "update", "candidate"), zip(*parts, strict=True), strict=True
        ):
            weights[gate] = {"kernel": from_input.T, "bias": bias}
            weights[f"{gate}_state"] = from_state.T
            weights[f"{gate}_state_bias"] = state_bias
        variables["params"][f"gru{layer + 1}"] = weights
    return variables


def musicnn_torch(tensors: dict[str, np.ndarray]) -> dict:
    names = {
        "spec_bn": ("input_norm",),
        "dense1": ("dense",),
        "bn": ("dense_norm",),
        "dense2": ("head",),
    }
    ours = ("timbre1", "timbre2", "tempo1", "tempo2", "tempo3", "midend1", "midend2", "midend3")
    theirs = [f"layers.{i}" for i in range(5)] + [f"layer{i}" for i in range(1, 4)]
    for name, module in zip(ours, theirs, strict=True):
        names |= {f"{module}.conv": (name,), f"{module}.bn": (f"{name}_norm",)}
    variables = flax_variables(tensors, names)
    for name in ("tempo1", "tempo2", "tempo3"):
        layer = variables["params"][name]
        layer["kernel"] = layer["kernel"][:, None]  # a single bin
    return variables


# Rounding before the logarithm shows in the softest levels. The last of musicnn's chunks, in which
# 7 % of the levels are below -80 dB, differs by 1e-4, as it does with scipy's Fourier transform.
@pytest.mark.parametrize(
    ("convert", "file", "clip_samples", "atol"),
    [
        (fcn, "fcn", 464_000, 5e-5),
        (won_crnn, "crnn", 464_000, 5e-5),
        (musicnn_torch, "musicnn", 48_000, 2e-4),
    ],
    ids=["fcn", "won_crnn", "musicnn_torch"],
)
def test_released_weights_give_the_published_tags(convert, file, clip_samples, atol, shared_dir):
    published = np.load(shared_dir / "parity/won2020_joram.npz")
    clips = published["waveform_16k"][0]
    clips = clips[: len(clips) // clip_samples * clip_samples].reshape(-1, clip_samples)
    variables = convert(read_state_dict(shared_dir / f"weights/won2020_{file}_mtat.pth"))
    frontend = create_frontend("won2020_96")
    model = create_model(convert.__name__, num_classes=50)

    @jax.jit
    def predict(variables, clips):
        features = frontend.apply({}, clips)
        return jax.nn.sigmoid(model.apply(variables, features, train=False)[0])

    found = predict(variables, clips)
    np.testing.assert_allclose(found, published[file], rtol=0, atol=atol)
    assert np.abs(found - published[file]).mean() < 1e-5


@pytest.mark.parametrize(
    ("name", "frames", "bins", "embedding"),
    [
        ("fcn", 1813, 96, 64),
        ("fcn", 2 * 1280, 2 * 96, 64 * 2 * 2),
        ("won_crnn", 1813, 96, 32),
        ("won_crnn", 2 * 1813, 2 * 96, 32),
    ],
)
def test_larger_inputs_leave_more_steps_and_bins(name, frames, bins, embedding):
    model = create_model(name, num_classes=10)
    features = jnp.zeros((1, frames, bins))
    (_, intermediates), variables = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), features, train=False)
    )
    assert intermediates["embedding"].shape == (1, embedding)
    if name == "won_crnn":
        kernel = variables["params"]["gru1"]["update"]["kernel"]
        assert kernel.shape == (128 * bins // 96, 32)


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("fcn", {"widths": ()}, "model.wrong_sizes"),
        ("fcn", {"widths": (64, 128)}, "model.wrong_sizes"),
        ("fcn", {"widths": (4,), "pools": ((2, 2.5),)}, "model.wrong_sizes"),
        ("fcn", {"widths": (4, 4), "pools": ((2, 2), (2,))}, "model.wrong_sizes"),
        ("fcn", {"dropout": -0.1}, "model.out_of_range"),
        ("won_crnn", {"units": 0}, "model.out_of_range"),
        ("won_crnn", {"layers": 0}, "model.out_of_range"),
    ],
)
def test_wrong_fields_are_one_sentence(name, fields, code):
    with user_error(code, name, [*fields][-1]):
        create_model(name, num_classes=10, **fields)


@pytest.mark.parametrize(("frames", "bins"), [(1279, 96), (1280, 95)])
def test_small_inputs_are_rejected(frames, bins):
    model = create_model("fcn", num_classes=10)
    with user_error("model.clip_too_small", "1280 frames of 96 bins"):
        model.init(jax.random.key(0), jnp.zeros((1, frames, bins)), train=False)
