"""The audio spectrogram transformer: its patches and their places."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error

from mgr_jax.models import create_model

TINY = {"patch": (4, 4), "stride": (2, 4), "width": 8, "layers": 1, "heads": 2, "hidden": 8}


def test_clips_of_the_paper_have_its_patches():
    """10.24 s are 1024 frames, of which the authors' code makes 12 x 101 = 1212 patches."""
    model = create_model("ast", num_classes=527)
    variables = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, 1024, 128)), train=False)
    )
    assert variables["params"]["positions"].shape == (101, 12, 192)


def test_logits_depend_on_every_patch_and_on_its_place():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((1, 8, 8)).astype(np.float32)
    model = create_model("ast", num_classes=3, **TINY | {"stride": (4, 4)})
    variables = jax.jit(lambda x: model.init(jax.random.key(0), x, train=False))(features)
    swapped = np.concatenate([features[:, 4:], features[:, :4]], axis=1)
    images = [features, swapped]
    for frame, bin_ in ((0, 0), (0, 7), (7, 0), (7, 7)):
        changed = features.copy()
        changed[0, frame, bin_] += 1
        images.append(changed)
    apply = jax.jit(lambda variables, x: model.apply(variables, x, train=False)[0])
    logits = apply(variables, np.concatenate(images))
    assert np.all(np.abs(logits[1:] - logits[0]).max(axis=-1) > 1e-5)

    # Without positions nothing but the order changes, which a sum over patches does not see.
    params = variables["params"] | {"positions": jnp.zeros((2, 2, 8))}
    logits = apply({"params": params}, np.concatenate(images))
    np.testing.assert_allclose(logits[1], logits[0], rtol=0, atol=1e-5)


def test_other_lengths_and_small_clips_are_rejected():
    model = create_model("ast", num_classes=3, **TINY)
    variables = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, 10, 8)), train=False)
    )

    def logits(frames):
        features = jnp.zeros((2, frames, 8))
        return jax.eval_shape(lambda v: model.apply(v, features, train=False)[0], variables)

    assert logits(11).shape == (2, 3)  # the eleventh frame fills no patch
    with user_error("model.positions", "5 x 2", "4 x 2"):
        logits(12)
    with user_error("model.clip_too_small", "ast", "4 frames of 4"):
        logits(3)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"patch": (16,)}, "model.wrong_sizes"),
        ({"stride": (0, 4)}, "model.wrong_sizes"),
        ({"heads": 0}, "model.out_of_range"),
        ({"heads": 3}, "model.heads"),
    ],
)
def test_fields_are_checked(fields, code):
    def init():
        model = create_model("ast", num_classes=3, **TINY | fields)
        return model.init(jax.random.key(0), jnp.zeros((1, 8, 8)), train=False)

    with user_error(code, "ast", *fields):
        jax.eval_shape(init)
