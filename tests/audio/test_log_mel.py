"""LogMel against librosa in float64."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal
import soundfile
from errors import user_error

from mgr_jax.audio.frontends import create_frontend

SAMPLE_RATE = 22050
TOLERANCE_DB = 5e-3

SETTINGS = [
    {},
    {"hop_length": 441},
    {"n_fft": 1024, "hop_length": 256, "n_mels": 96},
    {"n_fft": 512, "hop_length": 160, "n_mels": 40},
    {"n_fft": 1000, "hop_length": 333, "n_mels": 80},
    {"n_fft": 1323, "hop_length": 441, "n_mels": 64, "pad_mode": "reflect"},
    {"win_length": 1001},
    {"window": "hamming"},
    {"htk": True},
    {"norm": None},
    {"pad_mode": "reflect"},
    {"center": False},
    {"ref": "max"},
    {"fmin": 50.0, "fmax": 8000.0, "top_db": 60.0},
    # Levels of magnitudes are half as wide, so that 40 dB are 80 dB of power. What lies deeper is
    # the rounding of a float32 transform.
    {"power": 1.0, "top_db": 40.0},
    {"power": 1.0, "top_db": 40.0, "ref": "max", "htk": True, "norm": None},
    {"power": 4.0, "top_db": 120.0},
]


@pytest.fixture(scope="module")
def synthetic() -> np.ndarray:
    """A second each of noise, tones far apart in level, a sweep, a burst, an impulse, silence."""
    samples = SAMPLE_RATE + 1  # an odd number
    time = np.arange(samples) / SAMPLE_RATE
    noise = np.random.default_rng(0).normal(0, 0.1, samples)
    impulse = 0.5 * (np.arange(samples) == 9_999)
    tones = 0.5 * np.sin(2 * np.pi * 110 * time) + 0.005 * np.sin(2 * np.pi * 5000 * time)
    chirp = 0.8 * scipy.signal.chirp(time, 20, 1, 10000)
    sounds = [noise, tones, chirp, noise * (time < 0.5), impulse, 0 * time]
    return np.stack(sounds).astype(np.float32)


def librosa_log_mel(waveform: np.ndarray, **settings) -> np.ndarray:
    """The defaults are written out here too: they are the field's, not librosa's next release's."""
    mel = {
        "n_fft": 2048,
        "hop_length": 512,
        "win_length": None,
        "window": "hann",
        "center": True,
        "pad_mode": "constant",
        "power": 2.0,
        "n_mels": 128,
        "fmin": 0.0,
        "fmax": SAMPLE_RATE / 2,
        "htk": False,
        "norm": "slaney",
    }
    level = {"ref": 1.0, "amin": 1e-10, "top_db": 80.0}
    for name, value in settings.items():
        (mel if name in mel else level)[name] = np.max if value == "max" else value
    return np.stack(
        [
            librosa.power_to_db(
                librosa.feature.melspectrogram(
                    y=clip.astype(np.float64), sr=SAMPLE_RATE, dtype=np.float64, **mel
                ).T,
                **level,
            )
            for clip in waveform
        ]
    )


def assert_is_librosas(waveform: np.ndarray, **settings) -> None:
    frontend = create_frontend("log_mel", **settings)
    levels = jax.jit(frontend.apply)({}, waveform)
    assert levels.dtype == jnp.float32
    expected = librosa_log_mel(waveform, **settings)
    np.testing.assert_allclose(levels, expected, rtol=0, atol=TOLERANCE_DB)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_equals_librosa_on_synthetic_sounds(synthetic, settings):
    assert_is_librosas(synthetic, **settings)


@pytest.mark.parametrize("settings", [{"top_db": None}, {"power": 1.0}], ids=str)
def test_equals_librosa_on_noise_without_a_floor(synthetic, settings):
    assert_is_librosas(synthetic[:1], **settings)


@pytest.mark.parametrize("settings", SETTINGS[:1] + SETTINGS[-1:], ids=str)
def test_equals_librosa_on_music(shared_dir, settings):
    paths = sorted((shared_dir / "data/gtzan_audio_dev").glob("*/*.flac"))[::7]
    start, stop = 5 * SAMPLE_RATE, 8 * SAMPLE_RATE
    clips = [soundfile.read(path, start=start, stop=stop, dtype="float32")[0] for path in paths]
    assert_is_librosas(np.stack(clips), **settings)


def test_a_clip_does_not_depend_on_its_neighbours(synthetic):
    apply = create_frontend("log_mel", ref="max").apply
    alone = jnp.concatenate([apply({}, clip[None]) for clip in synthetic])
    np.testing.assert_array_equal(apply({}, synthetic), alone)


def test_works_under_vmap_pmap_and_scan(synthetic):
    apply = create_frontend("log_mel").apply
    clips = synthetic[:4]
    expected = apply({}, clips)
    pairs = clips.reshape(2, 2, -1)
    for transformed in (
        jax.vmap(lambda y: apply({}, y))(pairs),
        jax.pmap(lambda y: apply({}, y), devices=jax.devices()[:2])(pairs),
        jax.lax.scan(lambda carry, y: (carry, apply({}, y)), None, pairs)[1],
    ):
        np.testing.assert_allclose(transformed.reshape(expected.shape), expected, atol=1e-4)


def test_gradient_is_the_slope(synthetic):
    frontend = create_frontend("log_mel", n_fft=512, hop_length=128, n_mels=40)
    noise, silence = synthetic[0, :4000], synthetic[-1, :4000]

    @jax.jit
    def mean_level(y):
        return frontend.apply({}, y).mean()

    gradient = jax.jit(jax.grad(mean_level))(jnp.stack([noise, silence]))
    assert np.isfinite(gradient).all()
    # A gain of 1 dB raises every level by 1 dB: the derivative along the waveform itself is known.
    slope = jnp.vdot(gradient[0], noise)
    np.testing.assert_allclose(slope, 0.5 * 20 / np.log(10), rtol=1e-3)


@pytest.mark.parametrize(
    "settings",
    [
        {"ref": "median"},
        {"ref": 0.0},
        {"amin": 0.0},
        {"fmax": 12000.0},
        {"norm": "l1"},
    ],
    ids=str,
)
def test_settings_out_of_range_are_named(settings):
    (name,) = settings
    with user_error("argument.out_of_range", name):
        create_frontend("log_mel", **settings).apply({}, jnp.zeros((1, SAMPLE_RATE)))
