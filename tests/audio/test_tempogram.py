"""The tempogram against librosa."""

from functools import partial

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal
import soundfile
from errors import user_error

from mgr_jax.audio.dsp.tempogram import tempogram
from mgr_jax.audio.frontends import create_frontend

Tempogram = partial(create_frontend, "tempogram")
RATE = 22050
SAMPLES = RATE + 14007


def sounds() -> np.ndarray:
    """White noise, a sine sweep, silence, an impulse, and bursts at 150 beats per minute."""
    time = np.arange(SAMPLES) / RATE
    noise = np.random.default_rng(0).normal(0, 0.1, SAMPLES)
    sweep = 0.5 * scipy.signal.chirp(time, 60, 2, 5000, method="logarithmic")
    impulse = 1.0 * (np.arange(SAMPLES) == 20011)
    bursts = noise * np.exp(-20 * (time % 0.4))
    return np.stack([noise, sweep, 0 * time, impulse, bursts]).astype(np.float32)


def assert_is_librosas(clips: np.ndarray, **settings) -> None:
    frames = np.asarray(jax.jit(Tempogram(**settings).apply)({}, clips))
    assert frames.dtype == np.float32
    rate, hop = settings.pop("sample_rate", RATE), settings.pop("hop_length", 512)
    mel = {"n_fft": settings.pop("n_fft", 2048), "n_mels": settings.pop("n_mels", 128)}
    for clip, ours in zip(clips.astype(np.float64), frames, strict=True):
        onsets = librosa.onset.onset_strength(y=clip, sr=rate, hop_length=hop, **mel)
        expected = librosa.feature.tempogram(
            onset_envelope=onsets, sr=rate, hop_length=hop, **settings
        ).T
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4 * max(1, expected.max()))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"hop_length": 441},
        {"win_length": 61},
        {"win_length": 32, "window": "hamming", "norm": 2},
        {"win_length": 50, "center": False, "norm": 1},
        {"win_length": 64, "norm": None},
        {"sample_rate": 16000, "n_fft": 1025, "n_mels": 40, "hop_length": 160},
    ],
    ids=str,
)
def test_is_librosas(settings):
    assert_is_librosas(sounds(), **settings)


def test_defaults_are_librosas_on_music(shared_dir):
    paths = sorted((shared_dir / "data/gtzan_audio_dev").glob("*/*.flac"))[::40][:2]
    for path in paths:
        clip, _ = soundfile.read(path, start=5 * RATE, stop=11 * RATE, dtype="float32")
        ours = np.asarray(Tempogram().apply({}, clip[None]))[0]
        expected = librosa.feature.tempogram(y=clip.astype(np.float64), sr=RATE).T
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4)


def test_the_strongest_tempo_is_that_of_the_beats():
    frontend = Tempogram()
    beats = np.tile(sounds()[-1, : int(0.4 * RATE)], 15)
    mean = np.asarray(frontend.apply({}, beats[None])).mean(axis=(0, 1))
    tempi = frontend.bin_axis.values
    np.testing.assert_allclose(
        tempi, librosa.tempo_frequencies(384, hop_length=512, sr=RATE), rtol=1e-12
    )
    assert tempi[0] == np.inf
    plausible = (tempi > 60) & (tempi < 240)
    strongest = tempi[plausible][mean[plausible].argmax()]
    assert abs(strongest - 150) < 10


@pytest.mark.parametrize("n_fft", [1024, 1025])
@pytest.mark.parametrize("center", [True, False])
def test_makes_the_frames_it_says(center, n_fft):
    frontend = Tempogram(win_length=20, center=center, hop_length=300, n_fft=n_fft, n_mels=20)
    shortest = frontend.min_samples
    for samples in (shortest, 12000, 12001):
        frames = jax.eval_shape(frontend.apply, {}, jnp.zeros((2, samples)))
        assert frames.shape == (2, frontend.num_frames(samples), frontend.num_bins)
        assert frames.shape[1] >= 1
    assert frontend.num_frames(shortest - 1) < 1 or shortest == 1
    if not center:
        with user_error("audio.too_short", f"at least {shortest}"):
            frontend.apply({}, jnp.zeros((2, shortest - 1)))


@pytest.mark.parametrize("norm", [1, 2, np.inf, None])
def test_gradient_of_the_autocorrelation_is_the_slope(norm):
    rng = np.random.default_rng(0)
    envelope = rng.gamma(1.0, size=(1, 90)).astype(np.float32)
    direction = rng.normal(size=envelope.shape).astype(np.float32)
    weights = rng.normal(size=31)

    @jax.jit
    def loss(envelope):
        x = tempogram(envelope, win_length=31, window="hann", center=True, norm=norm)
        return (x @ weights).mean()

    slope = jnp.vdot(jax.jit(jax.grad(loss))(envelope), direction)
    step = 1e-2
    ahead, behind = loss(envelope + step * direction), loss(envelope - step * direction)
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=0.01)


def test_gradient_is_the_slope():
    frontend = Tempogram(win_length=30, hop_length=256, n_mels=20)
    clips = sounds()[:, :12000]
    direction = np.random.default_rng(1).normal(0, 0.1, clips[0].shape).astype(np.float32)
    weights = np.arange(30.0)

    @jax.jit
    def loss(y):
        return (frontend.apply({}, y) @ weights).mean()

    gradient = jax.jit(jax.grad(loss))(jnp.concatenate([clips, jnp.ones_like(clips[:1])]))
    assert np.isfinite(gradient).all()
    step = 1e-3
    ahead, behind = (loss((clips[0] + sign * step * direction)[None]) for sign in (1, -1))
    slope = 6 * jnp.vdot(gradient[0], direction)  # the loss was the mean of six clips
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=0.05)


@pytest.mark.parametrize(
    "settings", [{"win_length": 0}, {"norm": 3}, {"window": "henn"}, {"hop_length": 0}], ids=str
)
def test_settings_out_of_range_are_named(settings):
    (name,) = settings
    with user_error("argument.out_of_range", name):
        Tempogram(**settings).apply({}, jnp.zeros((1, RATE)))
