"""FCN and CRNN of Won et al. 2020; tests/interop has their released weights."""

import jax
import jax.numpy as jnp
import pytest
from errors import user_error

from mgr_jax.models import create_model


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
