"""The scales of energies, each against the function it is named after, in float64."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal
import soundfile

from mgr_jax.audio.frontends import create_frontend

RATE = 22050
MEL = {"n_fft": 1024, "hop_length": 256, "n_mels": 64}


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    """Noise that swells, a sweep, an impulse, and silence last; an odd number of samples."""
    samples = 20_001
    time = np.arange(samples) / RATE
    swelling = np.random.default_rng(0).normal(size=samples) * np.linspace(0, 0.3, samples) ** 2
    sweep = 0.8 * scipy.signal.chirp(time, 20, time[-1], 10_000)
    impulse = 0.5 * (np.arange(samples) == 7_777)
    return np.stack([swelling, sweep, impulse, np.zeros(samples)]).astype(np.float32)


@pytest.fixture(scope="module")
def music(shared_dir) -> np.ndarray:
    paths = sorted((shared_dir / "data/gtzan_audio_dev").glob("*/*.flac"))[::30]
    clips = [soundfile.read(path, start=90_000, stop=110_001, dtype="float32")[0] for path in paths]
    return np.stack(clips)


def energies(clip: np.ndarray) -> np.ndarray:
    return librosa.feature.melspectrogram(
        y=clip.astype(np.float64), sr=RATE, pad_mode="constant", dtype=np.float64, **MEL
    ).T


def log_mel(clips, **settings):
    return np.asarray(jax.jit(create_frontend("log_mel", **MEL, **settings).apply)({}, clips))


SCALES = {
    "linear": ({"scale": "linear"}, lambda e: e),
    "ln_offset": (
        {"scale": "ln_offset", "amin": 1e-5, "level_offset": 4.5, "level_gain": 0.2},
        lambda e: (np.log(e + 1e-5) + 4.5) / 5,
    ),
    "ln": ({"scale": "ln", "top_db": None, "amin": 1e-6}, lambda e: np.log(np.maximum(e, 1e-6))),
    "ln below the maximum": (
        {"scale": "ln", "ref": "max", "top_db": 60.0},
        lambda e: np.log(librosa.db_to_power(librosa.power_to_db(e, ref=np.max, top_db=60))),
    ),
    "log10(1 + 10000 x)": (
        {"scale": "log10_1p", "energy_gain": 10_000.0},
        lambda e: np.log10(1 + 10_000 * e),
    ),
    "squared twice": (
        {"energy_power": 2.0},
        lambda e: librosa.power_to_db(e**2, ref=1.0, amin=1e-10, top_db=80),
    ),
    "PCEN": (
        {"scale": "pcen", "energy_gain": 2.0**31},
        lambda e: librosa.pcen(2**31 * e.T, sr=RATE, hop_length=256).T,
    ),
    "PCEN of other settings": (
        {"scale": "pcen", "energy_gain": 2.0**31, "pcen": {"gain": 0.8, "time_constant": 0.06}},
        lambda e: (
            librosa.pcen(2**31 * e.T, sr=RATE, hop_length=256, gain=0.8, time_constant=0.06).T
        ),
    ),
}


@pytest.mark.parametrize("name", SCALES)
def test_scales_are_what_they_are_named_after(clips, music, name):
    settings, reference = SCALES[name]
    sounds = np.concatenate([clips, music])
    found = log_mel(sounds, **settings)
    expected = np.stack([reference(energies(clip)) for clip in sounds])
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-3)


def test_half_precision_rounds_the_energies(clips):
    found = log_mel(clips, scale="linear", energy_dtype="float16")
    np.testing.assert_array_equal(found, found.astype(np.float16))
    np.testing.assert_allclose(found[0], energies(clips[0]), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("standardise", ["all", "bins"])
@pytest.mark.parametrize("over", ["segment", "batch"])
def test_z_scores_have_mean_0_and_deviation_1(clips, standardise, over):
    features = log_mel(clips, standardise=standardise, normalise_over=over, top_db=None)
    axes = {"all": (0, 1, 2), "bins": (0, 1)}[standardise]
    parts = features[None] if over == "batch" else features[:3, None]
    for part in parts:
        np.testing.assert_allclose(part.mean(axes), 0, atol=1e-4)
        np.testing.assert_allclose(part.std(axes), 1, atol=1e-4)
    if over == "segment":  # silence has no deviation to divide by
        np.testing.assert_allclose(features[3], 0, atol=1e-4)


def test_a_batch_shares_its_maximum(clips):
    soft = np.concatenate([clips[:1], 0.01 * clips[:1]])
    together = log_mel(soft, ref="max", normalise_over="batch", top_db=None)
    alone = log_mel(soft, ref="max", top_db=None)
    np.testing.assert_allclose(together[0], alone[0], atol=1e-4)
    np.testing.assert_allclose(together[1].max(), -40, atol=1e-3)
    np.testing.assert_allclose(alone[1].max(), 0, atol=1e-4)


STFT = [
    {},
    {"n_fft": 1000, "hop_length": 333},
    {"n_fft": 512, "hop_length": 200, "win_length": 400, "window": "hamming"},
    {"n_fft": 1323, "hop_length": 441, "center": False},
]


@pytest.mark.parametrize("settings", STFT, ids=str)
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_stft_is_librosas_in_decibel(clips, music, settings, power):
    sounds = np.concatenate([clips, music])
    top_db = 40.0 * power  # levels of magnitudes are half as wide
    frontend = create_frontend("stft", power=power, top_db=top_db, **settings)
    found = jax.jit(frontend.apply)({}, sounds)
    for levels, clip in zip(found, sounds, strict=True):
        spectra = librosa.stft(
            clip.astype(np.float64), **{"n_fft": 2048, "hop_length": 512} | settings
        )
        expected = librosa.power_to_db(np.abs(spectra.T) ** power, top_db=top_db)
        np.testing.assert_allclose(levels, expected, rtol=0, atol=5e-3)


MFCC = [
    {},
    {"n_mfcc": 13, "lifter": 22.0},
    {"n_mfcc": 13, "deltas": 2},
    {"n_mfcc": 40, "deltas": 1, "delta_width": 5},
    {"n_fft": 1000, "hop_length": 333, "n_mels": 80},
    {"n_fft": 512, "hop_length": 256, "n_mfcc": 13, "htk": True},
]


def librosa_mfcc(clip: np.ndarray, deltas=0, delta_width=9, **settings) -> np.ndarray:
    defaults = {"n_fft": 2048, "hop_length": 512, "n_mels": 128, "n_mfcc": 20, "lifter": 0}
    cepstra = librosa.feature.mfcc(
        y=clip.astype(np.float64), sr=RATE, pad_mode="constant", **defaults | settings
    )
    slopes = [
        librosa.feature.delta(cepstra, width=delta_width, order=order)
        for order in range(1, deltas + 1)
    ]
    return np.concatenate([cepstra, *slopes]).T


@pytest.mark.parametrize("settings", MFCC, ids=str)
def test_mfcc_is_librosas(clips, music, settings):
    sounds = np.concatenate([clips, music])
    found = jax.jit(create_frontend("mfcc", **settings).apply)({}, sounds)
    assert found.dtype == jnp.float32
    for features, clip in zip(found, sounds, strict=True):
        expected = librosa_mfcc(clip, **settings)
        scale = np.abs(expected).max(axis=0)
        assert np.abs(features - expected).max() <= 1e-3 * max(scale.max(), 1)
        np.testing.assert_allclose(features / (scale + 1), expected / (scale + 1), atol=1e-3)


def test_slopes_need_their_frames():
    frontend = create_frontend("mfcc", deltas=1)
    clip = jnp.zeros((1, frontend.min_samples))
    assert frontend.apply({}, clip).shape == (1, 9, 40)
