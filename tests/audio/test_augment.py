"""What each transform of one example does to it, and what it leaves alone."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
from errors import user_error

from mgr_jax.audio.augment import features, spectral, waveform

RATE = 22050


def over_keys(transform, x, *, count=64, **settings) -> np.ndarray:
    """The results [count, ...] of `count` different keys."""
    keys = jax.random.split(jax.random.key(0), count)
    return np.asarray(jax.jit(jax.vmap(lambda key: transform(key, x, **settings)))(keys))


def once(transform, x, **settings) -> np.ndarray:
    return over_keys(transform, x, count=1, **settings)[0]


@pytest.fixture(scope="module")
def hiss() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 5000).astype(np.float32)


def level_db(y, reference) -> np.ndarray:
    """Mean power of y relative to the reference's, in dB."""
    return 10 * np.log10(np.mean(np.square(y), axis=-1) / np.mean(np.square(reference)))


def test_gain_is_constant_over_a_clip_and_uniform_in_db(hiss):
    louder = over_keys(waveform.gain, hiss, count=500, min_db=-9.0, max_db=3.0)
    factor = louder[:, :1] / hiss[0]
    np.testing.assert_allclose(louder, factor * hiss, rtol=1e-5)
    db = 20 * np.log10(factor)
    assert -9 <= db.min() < -8.8 < 2.8 < db.max() <= 3
    assert abs(db.mean() + 3) < 3 * 12 / np.sqrt(12 * 500)  # three standard errors


def test_polarity_flips_the_sign(hiss):
    np.testing.assert_array_equal(once(waveform.polarity, hiss), -hiss)


def test_noise_is_white_and_has_the_power_asked_for(hiss):
    tone = np.sin(0.05 * np.arange(30_000)).astype(np.float32)
    added = over_keys(waveform.noise, tone, min_snr_db=5.0, max_snr_db=25.0) - tone
    snr = -level_db(added, tone)
    assert 5 - 0.2 < snr.min() < 7 < 23 < snr.max() < 25 + 0.2
    # Two different parts of the spectrum hold what their widths make one expect.
    _, spectrum = scipy.signal.welch(added / added.std(axis=1, keepdims=True), nperseg=256)
    np.testing.assert_allclose(spectrum.mean(axis=0)[2:-2], 2.0, rtol=0.05)
    exact = once(waveform.noise, tone, min_snr_db=12.0, max_snr_db=12.0) - tone
    np.testing.assert_allclose(-level_db(exact, tone), 12.0, atol=0.15)


def test_time_shift_rolls_whole_samples_in_both_directions():
    y = np.arange(1, 101, dtype=np.float32)
    moved = over_keys(waveform.time_shift, y, count=300, max_share=0.1)
    shifts = np.argmin(moved, axis=1)
    shifts = np.where(shifts > 50, shifts - 100, shifts)
    assert set(shifts) == set(range(-10, 11))
    np.testing.assert_array_equal(moved, [np.roll(y, shift) for shift in shifts])


@pytest.mark.parametrize("max_share", [0.1, 1.0])
def test_time_shift_fills_with_silence_where_asked(max_share):
    y = np.arange(1, 101, dtype=np.float32)
    moved = over_keys(waveform.time_shift, y, count=300, max_share=max_share, fill="zero")
    padded = np.pad(y, 100)
    expected = {tuple(padded[start : start + 100]) for start in range(201)}
    assert {tuple(row) for row in moved} <= expected
    silent = np.sum(moved == 0, axis=1)
    assert silent.max() == pytest.approx(100 * max_share, abs=2)
    assert (moved[:, 0] == 0).any()
    assert (moved[:, -1] == 0).any()


MASKS = {
    "time": (features.time_mask, "max_frames", 0),
    "frequency": (features.frequency_mask, "max_bins", 1),
}


@pytest.mark.parametrize("shape", [(40, 30), (40, 30, 3)], ids=str)
@pytest.mark.parametrize("fill", ["mean", "zero"])
@pytest.mark.parametrize("kind", MASKS)
def test_masks_hide_whole_stretches_and_nothing_else(kind, fill, shape):
    transform, width, axis = MASKS[kind]
    x = np.random.default_rng(0).normal(5, 1, shape).astype(np.float32)
    masked = over_keys(transform, x, count=300, masks=1, fill=fill, **{width: 7})
    changed = masked != x
    other_axes = tuple(i for i in range(1, changed.ndim) if i != axis + 1)
    hidden = changed.all(axis=other_axes)
    np.testing.assert_array_equal(hidden, changed.any(axis=other_axes))
    assert set(hidden.sum(axis=1)) == set(range(8))
    edges = np.diff(np.pad(hidden.astype(int), ((0, 0), (1, 1))), axis=1)
    assert (np.sum(edges == 1, axis=1) <= 1).all()  # one stretch
    assert hidden[:, 0].any()
    assert hidden[:, -1].any()
    expected = np.broadcast_to(x.mean(axis=(0, 1)) if fill == "mean" else 0, masked.shape)
    np.testing.assert_allclose(masked[changed], expected[changed], rtol=1e-5)


@pytest.mark.parametrize("kind", MASKS)
def test_several_masks_hide_more(kind):
    transform, width, axis = MASKS[kind]
    x = np.random.default_rng(0).normal(size=(50, 50)).astype(np.float32)
    hidden = (over_keys(transform, x, count=300, masks=3, **{width: 4}) != x).all(axis=2 - axis)
    assert 8 < hidden.sum(axis=1).max() <= 12


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_wider_than_the_clip_is_named(kind):
    transform, width, _ = MASKS[kind]
    once(transform, jnp.ones((9, 9)), **{width: 9})
    with user_error("augment.mask_too_wide", f"{kind}_mask", f"{width}=10"):
        once(transform, jnp.ones((9, 9)), **{width: 10})


@pytest.mark.parametrize(
    "transform",
    [
        waveform.noise,
        functools.partial(spectral.reverb, sample_rate=RATE),
        functools.partial(spectral.random_filter, sample_rate=RATE),
        spectral.speed,
    ],
    ids=["noise", "reverb", "random_filter", "speed"],
)
@pytest.mark.parametrize("samples", [1, 2, 4999])
def test_silence_stays_silent(transform, samples):
    np.testing.assert_array_equal(once(transform, jnp.zeros(samples)), 0)
