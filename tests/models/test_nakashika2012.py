"""Co-occurrence maps against their definition, written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error

from mgr_jax.models import create_model
from mgr_jax.models.nakashika2012 import co_occurrence


def matrices(image, offsets, levels):
    """scikit-image's `graycomatrix(image, ..., symmetric=True, normed=True)`, pair by pair."""
    counts = np.zeros((levels, levels, len(offsets)))
    for number, (rows, columns) in enumerate(offsets):
        for row in range(image.shape[0]):
            for column in range(image.shape[1]):
                other = row + rows, column + columns
                if 0 <= other[0] < image.shape[0] and 0 <= other[1] < image.shape[1]:
                    pair = image[row, column], image[other]
                    counts[(*pair, number)] += 1
                    counts[(*pair[::-1], number)] += 1
    return counts / counts.sum(axis=(0, 1))


@pytest.mark.parametrize(
    "offsets",
    # scikit-image's angles 0, 45, 90 and 135 degrees, and further away.
    [((0, 1), (1, 1), (1, 0), (1, -1)), ((3, 2), (-4, 1), (-2, -3), (0, -5))],
)
def test_maps_are_co_occurrence_matrices(offsets):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 6, (3, 9, 11))
    images[:, 0, :2] = 0, 5  # the clip's minimum and maximum
    # Levels 0 to 5 in the middle of their steps, on scales of their own.
    scale, shift = np.array([1.0, 0.01, 70.0]), np.array([0.0, 3.0, -80.0])
    jitter = rng.uniform(0.05, 0.95, images.shape)
    jitter[:, 0, :2] = 0, 1
    x = ((images + jitter) * scale[:, None, None] + shift[:, None, None]).astype(np.float32)
    maps = jax.jit(lambda x: co_occurrence(x, offsets, 6))(x)
    for image, actual in zip(images, maps, strict=True):
        np.testing.assert_allclose(actual, matrices(image, offsets, 6), atol=1e-6)


def test_classic_example():
    """The image and counts of Haralick et al. 1973 (figure 3): 0, 45, 90 and 135 degrees."""
    image = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 2, 2, 2], [2, 2, 3, 3]], np.float32)
    horizontal = [[4, 2, 1, 0], [2, 4, 0, 0], [1, 0, 6, 1], [0, 0, 1, 2]]
    vertical = [[6, 0, 2, 0], [0, 4, 2, 0], [2, 2, 2, 2], [0, 0, 2, 0]]
    maps = co_occurrence(image[None], ((0, 1), (1, 0)), 4)[0] * 24
    np.testing.assert_allclose(maps, np.stack([horizontal, vertical], axis=-1), atol=1e-5)


def network(**fields):
    fields = {"levels": 4, "widths": (4, 6), "dense_units": 8, **fields}
    model = create_model("nakashika2012", num_classes=3, **fields)
    x = np.random.default_rng(0).standard_normal((2, 20, 12)).astype(np.float32)
    return model, model.init(jax.random.key(0), x, train=False), x


def test_silence_is_finite():
    model, variables, x = network()
    logits, intermediates = model.apply(variables, np.full_like(x, -80), train=False)
    assert np.isfinite(logits).all()
    expected = np.zeros((2, 4, 4, 4))
    expected[:, 0, 0] = 1
    np.testing.assert_allclose(intermediates["maps"], expected, atol=1e-6)


def test_loudness_changes_nothing_and_has_no_gradient():
    model, variables, x = network()

    def total(x):
        return model.apply(variables, x, train=False)[0].sum()

    assert total(x) == total(2 * x + 16)
    assert not jax.grad(total)(x).any()


def test_channels_have_their_own_maps():
    model, _, x = network(offsets=((1, 0), (0, 1)))
    both = np.stack([x, -x], axis=-1)
    _, intermediates = model.init_with_output(jax.random.key(0), both, train=False)[0]
    assert intermediates["maps"].shape == (2, 4, 4, 4)
    np.testing.assert_array_equal(
        intermediates["maps"][..., :2], co_occurrence(x, ((1, 0), (0, 1)), 4)
    )


def test_clips_and_fields_that_do_not_fit_are_rejected():
    model = create_model("nakashika2012", num_classes=3, offsets=((5, 0), (-2, 3)))
    with user_error("model.clip_too_small", "nakashika2012", "6 frames of 4"):
        model.init(jax.random.key(0), jnp.zeros((1, 5, 8)), train=False)
    with user_error("model.out_of_range", "nakashika2012", "levels"):
        create_model("nakashika2012", num_classes=3, levels=3)
    with user_error("model.wrong_sizes", "offsets"):
        create_model("nakashika2012", num_classes=3, offsets=((1, 2, 3),))
