"""Chroma against librosa."""

import warnings
from functools import partial

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal
import soundfile
from errors import user_error

from mgr_jax.audio.dsp.chroma import chroma_filterbank, cq_to_chroma, normalise_frames
from mgr_jax.audio.frontends import create_frontend

CQT = partial(create_frontend, "cqt")
ChromaCQT = partial(create_frontend, "chroma_cqt")
ChromaSTFT = partial(create_frontend, "chroma_stft")
RATE = 22050
SAMPLES = RATE + 4007


def sounds() -> np.ndarray:
    """White noise, a sine sweep, silence and an impulse."""
    time = np.arange(SAMPLES) / RATE
    noise = np.random.default_rng(0).normal(0, 0.1, SAMPLES)
    sweep = 0.5 * scipy.signal.chirp(time, 60, 2, 5000, method="logarithmic")
    impulse = 1.0 * (np.arange(SAMPLES) == 13011)
    return np.stack([noise, sweep, 0 * time, impulse]).astype(np.float32)


@pytest.fixture(scope="module")
def music(shared_dir) -> np.ndarray:
    """Two seconds of two tracks."""
    paths = sorted((shared_dir / "data/gtzan_audio_dev").glob("*/*.flac"))[::40][:2]
    start, stop = 5 * RATE, 7 * RATE
    return np.stack([soundfile.read(p, start=start, stop=stop, dtype="float32")[0] for p in paths])


def assert_is_librosas_stft(clips: np.ndarray, **settings) -> None:
    chroma = np.asarray(jax.jit(ChromaSTFT(**settings).apply)({}, clips))
    assert chroma.dtype == np.float32
    settings = {"tuning": 0.0, "sr": settings.pop("sample_rate", RATE)} | settings
    for clip, ours in zip(clips.astype(np.float64), chroma, strict=True):
        expected = librosa.feature.chroma_stft(y=clip, **settings).T
        atol = 1e-5 * max(expected.max(), 1e-3)
        np.testing.assert_allclose(ours, expected, rtol=0, atol=atol)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"tuning": 0.3},
        {"norm": 2},
        {"norm": 1},
        {"norm": None},
        {"n_fft": 1500, "hop_length": 333},
        {"n_fft": 4096, "win_length": 3001, "pad_mode": "reflect"},
        {"sample_rate": 16000, "center": False},
    ],
    ids=str,
)
def test_of_the_stft_is_librosas(settings):
    assert_is_librosas_stft(sounds(), **settings)


def test_of_the_stft_is_librosas_on_music(music):
    assert_is_librosas_stft(music)


def assert_is_folded_cqt(clips: np.ndarray, **settings) -> np.ndarray:
    """librosa's fold and norm, of the constant-Q transform that test_cqt.py checks."""
    defaults = {"bins_per_octave": 36, "n_bins": 252, "fmin": librosa.note_to_hz("C1")}
    settings = defaults | settings
    chroma = np.asarray(jax.jit(ChromaCQT(**settings).apply)({}, clips))
    norm = settings.pop("chroma_norm", np.inf)
    spectra = np.asarray(jax.jit(CQT(**settings).apply)({}, clips))
    fold = librosa.filters.cq_to_chroma(
        settings["n_bins"], bins_per_octave=settings["bins_per_octave"], fmin=settings["fmin"]
    )
    expected = librosa.util.normalize(spectra.astype(np.float64) @ fold.T, norm=norm, axis=-1)
    np.testing.assert_allclose(chroma, expected, rtol=0, atol=1e-5)
    return chroma


@pytest.mark.parametrize(
    "settings",
    [
        {"fmin": 130.8, "n_bins": 180},
        {"fmin": 100.0, "n_bins": 144, "tuning": -0.4, "chroma_norm": 2},
        {"fmin": 110.0, "n_bins": 60, "bins_per_octave": 12, "hop_length": 511},
        {"fmin": 207.0, "n_bins": 72, "bins_per_octave": 24, "pad_mode": "reflect"},
    ],
    ids=str,
)
def test_of_the_cqt_is_librosas_fold(settings):
    assert_is_folded_cqt(sounds(), **settings)


def test_of_the_cqt_is_close_to_librosas_on_music(music):
    for clip, chroma in zip(music, assert_is_folded_cqt(music), strict=True):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "n_fft=.* is too large")
            expected = librosa.feature.chroma_cqt(y=clip.astype(np.float64), sr=RATE, tuning=0).T
        difference = np.abs(chroma - expected)
        assert np.median(difference) < 0.01
        assert difference.max() < 0.15  # where librosa's resampling hits a soft frame


@pytest.mark.parametrize("octwidth", [2.0, None])
@pytest.mark.parametrize("norm", [1, 2, np.inf, None])
@pytest.mark.parametrize(
    ("n_fft", "n_chroma", "tuning", "base_c"),
    [(2048, 12, 0.0, True), (1501, 12, 0.4, False), (4096, 24, -0.3, True)],
)
def test_filterbank_is_librosas(n_fft, n_chroma, tuning, base_c, norm, octwidth):
    settings = {"n_fft": n_fft, "n_chroma": n_chroma, "tuning": tuning, "base_c": base_c}
    settings |= {"norm": norm, "octwidth": octwidth, "ctroct": 4.5}
    filters = chroma_filterbank(sample_rate=16000, **settings)
    expected = librosa.filters.chroma(sr=16000, **settings)
    np.testing.assert_allclose(filters, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("base_c", [True, False])
@pytest.mark.parametrize("fmin", [librosa.note_to_hz(note) for note in ("C1", "A2", "F#3")] + [50])
@pytest.mark.parametrize(("bins_per_octave", "n_chroma"), [(12, 12), (36, 12), (24, 12), (48, 24)])
def test_fold_is_librosas(bins_per_octave, n_chroma, fmin, base_c):
    settings = {"bins_per_octave": bins_per_octave, "n_chroma": n_chroma, "fmin": fmin}
    fold = cq_to_chroma(n_bins=100, base_c=base_c, **settings)
    expected = librosa.filters.cq_to_chroma(100, base_c=base_c, **settings)
    np.testing.assert_array_equal(fold, expected)


@pytest.mark.parametrize("norm", [1, 2, np.inf, None])
def test_normalise_frames_is_librosas(norm):
    frames = np.random.default_rng(0).gamma(1.0, size=(2, 5, 12))
    frames *= np.array([1.0, 1e-30, 0.0, 1e20, 1e-39])[:, None]  # 1e-39 counts as silence
    ours = np.asarray(normalise_frames(jnp.asarray(frames, jnp.float32), norm=norm))
    expected = librosa.util.normalize(frames.astype(np.float32), norm=norm, axis=-1)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-37)


@pytest.mark.parametrize("chroma", [ChromaSTFT(), ChromaCQT()], ids=["stft", "cqt"])
def test_tones_are_their_pitch_class(chroma):
    time = np.arange(SAMPLES) / RATE
    notes = np.array([57, 60, 66, 71])  # A3, C4, F#4, B4
    tones = np.sin(2 * np.pi * librosa.midi_to_hz(notes)[:, None] * time).astype(np.float32)
    middle = np.asarray(chroma.apply({}, tones))[:, 10:-10].argmax(axis=-1)
    np.testing.assert_array_equal(middle, np.repeat(notes[:, None] % 12, middle.shape[1], 1))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [(ChromaSTFT, {}), (ChromaCQT, {"fmin": 130.8, "n_bins": 108})],
    ids=["stft", "cqt"],
)
def test_frames_of_a_crop_are_those_of_its_track(kind, settings):
    track = sounds()[0]
    frontend = kind(whole_track=True, **settings)
    whole = kind(**settings).apply({}, track[None])[0]
    first, samples = 20, 8192
    start, context = first * frontend.crop.step, frontend.crop.context
    frames = frontend.apply({}, track[None, start - context : start + samples + context])[0]
    np.testing.assert_allclose(frames, whole[first : first + len(frames)], atol=1e-5)


@pytest.mark.parametrize(
    "frontend",
    [
        ChromaSTFT(norm=1),
        ChromaSTFT(norm=np.inf),
        ChromaCQT(chroma_norm=2, fmin=261.6, n_bins=108),
        ChromaCQT(chroma_norm=None, fmin=261.6, n_bins=108),
    ],
    ids=["stft 1", "stft inf", "cqt 2", "cqt none"],
)
def test_gradient_is_the_slope(frontend):
    clips = sounds()[:, 10000:16000]
    direction = np.random.default_rng(1).normal(0, 0.1, clips[0].shape).astype(np.float32)
    weights = np.arange(12.0)

    @jax.jit
    def loss(y):
        return (frontend.apply({}, y) @ weights).mean()

    edge = jnp.stack([jnp.ones_like(clips[0]), 1e-20 * clips[0]])
    gradient = jax.jit(jax.grad(loss))(jnp.concatenate([clips, edge]))
    assert np.isfinite(gradient).all()
    step = 3e-3
    ahead, behind = (loss((clips[0] + sign * step * direction)[None]) for sign in (1, -1))
    slope = 6 * jnp.vdot(gradient[0], direction)  # the loss was the mean of six clips
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=0.03)


@pytest.mark.parametrize(
    "settings",
    [
        {"chroma_norm": 3},
        {"n_bins": 0},
        {"n_bins": 324},
        {"bins_per_octave": 0},
        {"bins_per_octave": 30},
        {"center": "same"},
    ],
    ids=str,
)
def test_settings_out_of_range_are_named(settings):
    (name,) = settings
    name = "norm" if name == "chroma_norm" else name
    with user_error("argument.out_of_range", name):
        ChromaCQT(**settings).apply({}, jnp.zeros((1, RATE)))
