"""Long clips and sparse filterbanks, which a CPU takes piece by piece."""

from functools import partial

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from mgr_jax.audio.dsp.batching import apply_filterbank
from mgr_jax.audio.dsp.stft import spectrogram, stft

STFT = {"n_fft": 256, "win_length": None, "window": "hann", "center": True, "pad_mode": "constant"}


def power_of(y, hop_length):
    """Power [batch, frames, bins], in runs of frames on a CPU."""
    return stft(y, hop_length=hop_length, then=partial(spectrogram, power=2), **STFT)


@pytest.mark.parametrize("hop_length", [64, 50, 300])
@pytest.mark.parametrize("frames", [256, 257, 512, 600])
def test_every_frame_of_a_long_clip_is_librosas(frames, hop_length):
    rng = np.random.default_rng(0)
    y = rng.standard_normal((2, (frames - 1) * hop_length + 7)).astype(np.float32)
    power = power_of(y, hop_length)
    assert power.shape == (2, frames, 129)
    expected = np.abs(librosa.stft(y.astype(np.float64), hop_length=hop_length, **STFT)) ** 2
    np.testing.assert_allclose(power, expected.swapaxes(1, 2), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_lowers_for_every_platform(platform):
    function = jax.jit(partial(power_of, hop_length=64))
    exported = jax.export.export(function, platforms=[platform])(jnp.ones((2, 30000)))
    assert ("stablehlo.while" in exported.mlir_module()) == (platform == "cpu")


def test_the_gradient_of_a_long_clip_is_twice_its_energy():
    y = np.random.default_rng(0).standard_normal((1, 30000)).astype(np.float32)

    @jax.jit
    def energy(y):
        return power_of(y, 64).sum()

    # By Euler's theorem, as the energy is quadratic in the waveform.
    np.testing.assert_allclose(np.vdot(jax.jit(jax.grad(energy))(y), y), 2 * energy(y), rtol=1e-4)


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize(
    ("n_fft", "n_mels", "fmin", "fmax"),
    [(2048, 128, 0, 11025), (512, 100, 50, 8000), (256, 128, 0, 4000), (1024, 3, 0, 11025)],
)
def test_bands_are_the_product_with_all_filters(n_fft, n_mels, fmin, fmax):
    filters = librosa.filters.mel(sr=22050, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    S = np.random.default_rng(0).gamma(1.0, size=(2, 5, 1 + n_fft // 2)).astype(np.float32)  # noqa: N806
    expected = S.astype(np.float64) @ filters.T.astype(np.float64)
    np.testing.assert_allclose(apply_filterbank(S, filters), expected, rtol=1e-5, atol=1e-12)
