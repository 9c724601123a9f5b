"""The transforms one by one, against librosa."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal
from errors import user_error

from mgr_jax.audio import dsp
from mgr_jax.audio.dsp.stft import window_taps

STFT = {
    "n_fft": 512,
    "hop_length": 128,
    "win_length": None,
    "window": "hann",
    "center": True,
    "pad_mode": "constant",
}


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize("htk", [False, True])
@pytest.mark.parametrize("norm", ["slaney", None])
@pytest.mark.parametrize(
    ("sample_rate", "n_fft", "n_mels", "fmin", "fmax"),
    [(22050, 2048, 128, 0.0, 11025.0), (12000, 512, 96, 0.0, 6000.0), (16000, 513, 40, 50, 7600)],
)
def test_mel_filterbank_is_librosas(sample_rate, n_fft, n_mels, fmin, fmax, htk, norm):
    settings = {"n_fft": n_fft, "n_mels": n_mels, "fmin": fmin, "fmax": fmax}
    filters = dsp.mel_filterbank(sample_rate=sample_rate, htk=htk, norm=norm, **settings)
    expected = librosa.filters.mel(sr=sample_rate, htk=htk, norm=norm, **settings)
    np.testing.assert_allclose(filters, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"hop_length": 100},
        {"hop_length": 700},
        {"n_fft": 511},
        {"win_length": 301},
        {"window": "hamming", "pad_mode": "reflect"},
        {"center": False},
    ],
    ids=str,
)
def test_stft_is_librosas(change):
    settings = STFT | change
    y = np.random.default_rng(0).standard_normal((2, 3001)).astype(np.float32)
    spectra = np.asarray(dsp.stft(y, **settings))
    assert spectra.dtype == np.complex64
    expected = librosa.stft(y.astype(np.float64), **settings).swapaxes(1, 2)
    np.testing.assert_allclose(spectra, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("change", "shortest"),
    [({}, 1), ({"pad_mode": "reflect"}, 257), ({"center": False}, 512), ({"n_fft": 511}, 1)],
    ids=str,
)
def test_stft_needs_the_samples_it_says(change, shortest):
    settings = STFT | change
    cut = {key: settings[key] for key in ("n_fft", "center", "pad_mode")}
    assert dsp.min_samples(**cut) == shortest
    assert dsp.stft(jnp.ones((1, shortest)), **settings).shape[1] >= 1
    with user_error("audio.too_short", f"at least {shortest}"):
        dsp.stft(jnp.ones((1, shortest - 1)), **settings)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_spectrogram_has_a_finite_gradient_in_silence(power):
    def loss(y):
        return dsp.spectrogram(dsp.stft(y, **STFT), power=power).sum()

    assert np.isfinite(jax.grad(loss)(jnp.zeros((1, 1000)))).all()


@pytest.mark.parametrize("ref", [1.0, 0.5, "max"])
@pytest.mark.parametrize("top_db", [80.0, 30.0, None])
def test_power_to_db_is_librosas_of_each_clip(ref, top_db):
    loud_and_soft = np.array([1.0, 1e-4]).reshape(2, 1, 1)
    power = np.random.default_rng(0).gamma(0.1, size=(2, 20, 8)) * loud_and_soft
    levels = dsp.power_to_db(jnp.asarray(power, jnp.float32), ref=ref, amin=1e-10, top_db=top_db)
    reference = np.max if ref == "max" else ref
    expected = [librosa.power_to_db(clip, ref=reference, top_db=top_db) for clip in power]
    np.testing.assert_allclose(levels, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "change", [{"pad_mode": "edge"}, {"window": "henn"}, {"win_length": 513}], ids=str
)
def test_settings_out_of_range_are_named(change):
    (name,) = change
    with user_error("argument.out_of_range", name):
        dsp.stft(jnp.ones((1, 1000)), **STFT | change)


@pytest.mark.parametrize(("platform", "one_by_one"), [("cpu", True), ("cuda", False)])
def test_only_a_cpu_takes_clips_one_by_one(platform, one_by_one):
    function = jax.jit(lambda clips: dsp.map_clips(jnp.sin, clips))
    exported = jax.export.export(function, platforms=[platform])(jnp.ones((3, 4)))
    assert ("stablehlo.while" in exported.mlir_module()) == one_by_one


@pytest.mark.parametrize("name", ["boxcar", "hann", "hamming", "blackman", ("kaiser", 14.0)])
@pytest.mark.parametrize("length", [1, 2, 7, 400, 512])
@pytest.mark.parametrize("periodic", [True, False])
def test_windows_are_those_of_scipy_bit_for_bit(name, length, periodic):
    expected = scipy.signal.get_window(name, length, fftbins=periodic)
    np.testing.assert_array_equal(window_taps(name, length, periodic=periodic), expected)
