"""The CRNN of Choi et al."""

import jax
import jax.numpy as jnp
import pytest
from errors import user_error

from mgr_jax.models import create_model


@pytest.mark.parametrize(
    ("frames", "bins", "fields", "steps", "units"),
    [
        (1366, 96, {}, 14, 30),
        (1366, 96, {"time_pad": 1440}, 15, 30),
        (96, 96, {}, 1, 30),
        (250, 200, {"budget": "0.25M"}, 2, 48),
        (96, 96, {"widths": (4, 5, 6, 7), "units": 9, "layers": 1}, 1, 9),
        (48, 48, {"widths": (4, 6), "pools": ((2, 2), (2, 2)), "bin_norm": True}, 12, 30),
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
