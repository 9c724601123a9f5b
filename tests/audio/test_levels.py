"""The scales of energies, each against the function it is named after, in float64."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import soundfile

from mgr_jax.audio.frontends import create_frontend

RATE = 22050
MEL = {"n_fft": 1024, "hop_length": 256, "n_mels": 64}


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    """Noise that swells, and silence."""
    samples = 20_001
    swelling = np.random.default_rng(0).normal(size=samples) * np.linspace(0, 0.3, samples) ** 2
    return np.stack([swelling, np.zeros(samples)]).astype(np.float32)


def energies(clip: np.ndarray) -> np.ndarray:
    return librosa.feature.melspectrogram(
        y=clip.astype(np.float64), sr=RATE, pad_mode="constant", dtype=np.float64, **MEL
    ).T


def log_mel(clips, **settings):
    return np.asarray(jax.jit(create_frontend("log_mel", **MEL, **settings).apply)({}, clips))


SCALES = {
    "linear": ({"scale": "linear"}, lambda e: e),
    "ln": ({"scale": "ln", "top_db": None, "amin": 1e-6}, lambda e: np.log(np.maximum(e, 1e-6))),
    "ln below the maximum": (
        {"scale": "ln", "ref": "max", "top_db": 60.0},
        lambda e: np.log(librosa.db_to_power(librosa.power_to_db(e, ref=np.max, top_db=60))),
    ),
    "log10(1 + 10000 x)": (
        {"scale": "log1p", "energy_gain": 10_000.0},
        lambda e: np.log10(1 + 10_000 * e),
    ),
    "squared twice": (
        {"exponent": 2.0},
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
def test_scales_are_what_they_are_named_after(clips, name):
    settings, reference = SCALES[name]
    found = log_mel(clips, **settings)
    expected = np.stack([reference(energies(clip)) for clip in clips])
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-3 if "dB" in name else 2e-4)


def test_half_precision_rounds_the_energies(clips):
    found = log_mel(clips, scale="linear", energy_dtype="float16")
    np.testing.assert_array_equal(found, found.astype(np.float16))
    np.testing.assert_allclose(found[0], energies(clips[0]), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("standardise", ["all", "bins"])
@pytest.mark.parametrize("over", ["segment", "batch"])
def test_z_scores_have_mean_0_and_deviation_1(clips, standardise, over):
    features = log_mel(clips, standardise=standardise, normalise_over=over, top_db=None)
    axes = {"all": (0, 1, 2), "bins": (0, 1)}[standardise]
    parts = features[None] if over == "batch" else features[:1, None]
    for part in parts:
        np.testing.assert_allclose(part.mean(axes), 0, atol=1e-4)
        np.testing.assert_allclose(part.std(axes), 1, atol=1e-4)
    if over == "segment":  # silence has no deviation to divide by
        np.testing.assert_allclose(features[1], 0, atol=1e-4)


def test_a_batch_shares_its_maximum(clips):
    soft = np.concatenate([clips[:1], 0.01 * clips[:1]])
    together = log_mel(soft, ref="max", normalise_over="batch", top_db=None)
    alone = log_mel(soft, ref="max", top_db=None)
    np.testing.assert_allclose(together[0], alone[0], atol=1e-4)
    np.testing.assert_allclose(together[1].max(), -40, atol=1e-3)
    np.testing.assert_allclose(alone[1].max(), 0, atol=1e-4)


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
def test_mfcc_is_librosas(clips, settings, shared_dir):
    paths = sorted((shared_dir / "data/gtzan_audio_dev").glob("*/*.flac"))[::30]
    music = [soundfile.read(path, start=90_000, stop=110_001, dtype="float32")[0] for path in paths]
    sounds = np.stack([*clips, *music])
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
