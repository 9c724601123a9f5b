"""The transformer on waveforms: its patches, its positions, clips of any length."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error

from mgr_jax.models import create_model
from mgr_jax.models.wav_transformer import sinusoidal_positions

TINY = {"patch": 8, "stride": 5, "width": 8, "layers": 1, "heads": 2, "hidden": 8}


@pytest.mark.parametrize("width", [6, 7])
def test_positions_follow_the_paper(width):
    """PE(pos, 2i) = sin(pos / 10000^(2i/d)), PE(pos, 2i+1) = cos of the same."""
    expected = np.empty((50, width))
    for position, place in np.ndindex(expected.shape):
        angle = position / 10_000 ** ((place - place % 2) / width)
        expected[position, place] = np.cos(angle) if place % 2 else np.sin(angle)
    np.testing.assert_allclose(sinusoidal_positions(50, width), expected, rtol=0, atol=1e-6)


def test_a_second_has_as_many_steps_as_in_wav2vec2():
    """Its encoder gives 49 of 16,000 samples (arXiv 2006.11477, section 4.2)."""
    model = create_model("wav_transformer", num_classes=10)

    def steps():
        _, state = model.init_with_output(
            jax.random.key(0), jnp.zeros((1, 16_000, 1)), train=False, capture_intermediates=True
        )
        return state["intermediates"]["encoder"]["__call__"][0]

    assert jax.eval_shape(steps).shape == (1, 49, 192)


def test_clips_may_have_any_length_of_a_patch_or_more():
    model = create_model("wav_transformer", num_classes=3, **TINY)
    clip = np.random.default_rng(0).uniform(-0.1, 0.1, (1, 43, 1)).astype(np.float32)
    variables = jax.jit(lambda x: model.init(jax.random.key(0), x, train=False))(clip)
    apply = jax.jit(lambda x: model.apply(variables, x, train=False)[0])
    # Patches end at samples 8, 13, ..., 38, 43.
    np.testing.assert_allclose(apply(clip[:, :42]), apply(clip[:, :38]), rtol=0, atol=1e-5)
    assert np.abs(apply(clip) - apply(clip[:, :38])).max() > 1e-3
    assert apply(clip[:, :8]).shape == (1, 3)
    with user_error("model.clip_too_small", "wav_transformer", 8):
        apply(clip[:, :7])
    with user_error("model.out_of_range", "stride"):
        create_model("wav_transformer", num_classes=3, stride=0)


def test_order_matters():
    """Patches that do not overlap, swapped: only positions tell the clips apart."""
    model = create_model("wav_transformer", num_classes=3, **TINY | {"stride": 8})
    clip = np.random.default_rng(0).uniform(-0.1, 0.1, (1, 16, 1)).astype(np.float32)
    both = np.concatenate([clip, np.roll(clip, 8, axis=1)])
    logits = jax.jit(lambda x: model.init_with_output(jax.random.key(0), x, train=False)[0][0])(
        both
    )
    assert np.abs(logits[0] - logits[1]).max() > 1e-4
