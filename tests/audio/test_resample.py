"""Resampling on the device against scipy with the same filter, ideal tones, and soxr."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
import soundfile
import soxr
from errors import user_error

from mgr_jax.audio.dsp.fir import resample, resample_filter

RATES = [(44100, 22050), (44100, 16000), (22050, 12000), (16000, 22050), (48000, 44100)]


@pytest.mark.parametrize("samples", [1, 1000, 9999])
@pytest.mark.parametrize(("orig_sr", "target_sr"), RATES)
def test_equals_scipy_with_the_same_filter(orig_sr, target_sr, samples):
    time = np.arange(samples) / orig_sr
    noise = np.random.default_rng(0).uniform(-1, 1, samples)
    sweep = scipy.signal.chirp(time, 20, 0.25, orig_sr / 2)
    impulse = np.arange(samples) == samples // 2
    y = np.stack([noise, sweep, impulse]).astype(np.float32)
    result = jax.jit(lambda y: resample(y, orig_sr=orig_sr, target_sr=target_sr))(y)

    common = math.gcd(orig_sr, target_sr)
    up, down = target_sr // common, orig_sr // common
    taps = resample_filter(up, down, zeros=32, beta=10.0)
    expected = scipy.signal.resample_poly(y.astype(np.float64), up, down, axis=1, window=taps)
    assert result.dtype == jnp.float32
    assert result.shape == (3, math.ceil(samples * target_sr / orig_sr)) == expected.shape
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)


def test_other_filters_are_scipys_too():
    y = np.random.default_rng(0).uniform(-1, 1, (2, 3001)).astype(np.float32)
    taps = resample_filter(3, 2, zeros=7, beta=5.0)
    result = resample(y, orig_sr=8000, target_sr=12000, zeros=7, beta=5.0)
    expected = scipy.signal.resample_poly(y.astype(np.float64), 3, 2, axis=1, window=taps)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("orig_sr", "target_sr"), RATES)
def test_tones_below_90_percent_are_kept_and_those_above_110_are_removed(orig_sr, target_sr):
    half = min(orig_sr, target_sr) / 2

    def middle(tones: np.ndarray, rate: int) -> np.ndarray:
        """A tenth of a second of unit tones, from 0.1 s after their start."""
        time = np.arange(int(0.1 * rate), int(0.2 * rate)) / rate
        return np.sin(2 * np.pi * tones[:, None] * time)

    def resampled(tones: np.ndarray) -> np.ndarray:
        y = np.sin(2 * np.pi * tones[:, None] * np.arange(int(0.3 * orig_sr)) / orig_sr)
        result = resample(y.astype(np.float32), orig_sr=orig_sr, target_sr=target_sr)
        return np.asarray(result)[:, int(0.1 * target_sr) : int(0.2 * target_sr)]

    low = half * np.array([0.01, 0.25, 0.5, 0.77, 0.9])
    # 1e-4 is 80 dB down, and a ripple of 0.001 dB.
    np.testing.assert_allclose(resampled(low), middle(low, target_sr), rtol=0, atol=1e-4)
    high = half * np.array([1.1, 1.15, 1.3, 1.7])
    high = high[high < orig_sr / 2]
    assert np.abs(resampled(high)).max(initial=0.0) < 1e-4


@pytest.mark.parametrize(("orig_sr", "target_sr"), [(22050, 12000), (22050, 16000), (22050, 44100)])
def test_music_is_as_soxr_resamples_it(shared_dir, orig_sr, target_sr):
    paths = sorted((shared_dir / "data/gtzan_audio_dev").glob("*/*.flac"))[::9]
    assert paths
    for path in paths:
        y, _ = soundfile.read(path, start=0, stop=10 * orig_sr + 1, dtype="float32")
        result = np.asarray(resample(y[None], orig_sr=orig_sr, target_sr=target_sr)[0])
        expected = soxr.resample(y.astype(np.float64), orig_sr, target_sr, quality="HQ")
        samples = min(len(result), len(expected))
        window = np.hanning(samples)
        band = np.fft.rfftfreq(samples, 1 / target_sr) < 0.9 * min(orig_sr, target_sr) / 2
        error = np.fft.rfft(window * (result[:samples] - expected[:samples]))[band]
        signal = np.fft.rfft(window * expected[:samples])[band]
        assert np.linalg.norm(error) < 1e-4 * np.linalg.norm(signal)


def test_equal_rates_change_nothing():
    y = np.random.default_rng(0).normal(size=(2, 100)).astype(np.float32)
    assert resample(y, orig_sr=22050, target_sr=22050.0) is y


def test_gradient_is_the_adjoint():
    rng = np.random.default_rng(0)
    y, weights = rng.normal(size=(2, 3001)), rng.normal(size=(2, 1634))

    def score(y):
        return (resample(y, orig_sr=22050, target_sr=12000) * weights).sum()

    with jax.enable_x64(True):
        value, gradient = jax.value_and_grad(score)(y)
        np.testing.assert_allclose((gradient * y).sum(), value, rtol=1e-9)


def test_a_broken_sample_spoils_its_neighbourhood_only():
    y = np.zeros((2, 3000), np.float32)
    y[0, 1500] = np.nan
    result = resample(y, orig_sr=44100, target_sr=22050)
    assert np.isnan(result[0, 750])
    assert np.isfinite(result[1]).all()


@pytest.mark.parametrize("change", [{"orig_sr": 0}, {"target_sr": -1}, {"zeros": 0}], ids=str)
def test_settings_out_of_range_are_named(change):
    (name,) = change
    with user_error("argument.out_of_range", f"resample: {name}"):
        resample(jnp.zeros((1, 100)), **{"orig_sr": 44100, "target_sr": 22050} | change)


def test_rates_without_a_common_ratio_are_refused():
    with user_error("audio.rates_too_fine", "44100:22051"):
        resample(jnp.zeros((1, 100)), orig_sr=44100, target_sr=22051)
