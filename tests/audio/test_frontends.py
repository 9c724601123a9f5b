"""What every front end promises, and how they are found."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
from errors import user_error

from mgr_jax.audio.frontends import create_frontend, list_frontends

# Settings that make a front end quick, or that it cannot do without.
SETTINGS = {
    "chroma_cqt": {"fmin": 220.0, "n_bins": 108, "hop_length": 256},
    "chroma_stft": {"n_fft": 512, "hop_length": 128},
    "cqt": {"fmin": 220.0, "n_bins": 36, "hop_length": 256},
    "harmonic": {},
    "leaf": {},
    "log_mel": {"n_fft": 512, "hop_length": 128, "n_mels": 40},
    "mfcc": {"n_fft": 512, "hop_length": 128, "n_mels": 40, "deltas": 2},
    "precomputed": {},
    "resampled": {
        "sample_rate": 22050,
        "target_rate": 16000,
        "frontend": {"name": "log_mel", "kwargs": {"n_fft": 512, "hop_length": 256, "n_mels": 40}},
    },
    "sincnet": {},
    "stack": {
        "frontends": (
            {"name": "log_mel", "kwargs": {"n_fft": 512, "hop_length": 128, "n_mels": 40}},
            {
                "name": "log_mel",
                "kwargs": {"n_fft": 256, "hop_length": 128, "n_mels": 40, "scale": "ln"},
            },
        )
    },
    "stft": {"n_fft": 512, "hop_length": 128, "scale": "log10_1p"},
    "tempogram": {"win_length": 64},
    "waveform": {},
}
# The same front ends with everything that can go wrong in silence.
VARIANTS = {
    "log_mel z-scored": ("log_mel", {"ref": "max", "standardise": "all"}),
    "log_mel z-scored by bins": ("log_mel", {"scale": "ln", "standardise": "bins"}),
    "log_mel over the batch": (
        "log_mel",
        {"ref": "max", "standardise": "all", "normalise_over": "batch"},
    ),
    "log_mel pre-emphasised": (
        "log_mel",
        {"preemphasis": 0.97, "scale": "ln_offset", "amin": 1e-5, "level_gain": 0.2},
    ),
    "log_mel PCEN": ("log_mel", {"scale": "pcen", "energy_gain": 2.0**31}),
    "log_mel magnitudes": ("log_mel", {"power": 1.0, "scale": "linear", "standardise": "all"}),
    "cqt magnitudes": ("cqt", {"scale": "db", "power": 2.0, "standardise": "bins"}),
    "mfcc lifted": ("mfcc", {"lifter": 22.0, "standardise": "bins"}),
}
# "precomputed" takes stored features instead of waveforms, and cannot know how many bins they have.
OF_WAVEFORMS = sorted(SETTINGS.keys() - {"precomputed"})


def rand(samples, rows=2):
    return np.random.default_rng(0).normal(0, 0.1, (rows, samples)).astype(np.float32)


@pytest.fixture(scope="module")
def made():
    """Front ends with their variables."""
    frontends = {name: create_frontend(name, **SETTINGS[name]) for name in OF_WAVEFORMS}
    for variant, (name, settings) in VARIANTS.items():
        frontends[variant] = create_frontend(name, **SETTINGS[name] | settings)
    return {
        name: (frontend, frontend.init(jax.random.key(0), rand(frontend.min_samples + 4000)))
        for name, frontend in frontends.items()
    }


def test_every_front_end_is_held_to_the_contract():
    assert sorted(SETTINGS) == list_frontends()


@pytest.mark.parametrize("name", OF_WAVEFORMS)
@pytest.mark.parametrize("extra", [0, 1, 511, 512, 10001])
def test_frames_and_bins_are_as_promised(name, extra):
    for settings in (SETTINGS[name], SETTINGS[name] if name in ("stack", "resampled") else {}):
        frontend = create_frontend(name, **settings)
        samples = frontend.min_samples + extra
        features, _ = jax.eval_shape(
            lambda y, f=frontend: f.init_with_output(jax.random.key(0), y), jnp.zeros((2, samples))
        )
        assert features.shape == (2, frontend.num_frames(samples), *frontend.item_shape)
        assert features.shape[1] >= 1
        assert features.dtype == jnp.float32
        assert len(frontend.bin_axis.values) == frontend.num_bins
        assert frontend.frame_samples >= 1
        assert 0 < frontend.frame_rate <= frontend.sample_rate


@pytest.mark.parametrize("name", [*OF_WAVEFORMS, *VARIANTS])
def test_any_finite_sound_gives_finite_features_and_gradients(name, made):
    frontend, variables = made[name]
    samples = frontend.min_samples + 4000
    time = np.arange(samples) / frontend.sample_rate
    impulse = np.zeros(samples)
    impulse[samples // 2] = 1
    sounds = np.stack(
        [
            np.zeros(samples),
            np.ones(samples),  # DC
            np.clip(5 * np.sin(2 * np.pi * 440 * time), -1, 1),  # clipped
            impulse,
            scipy.signal.chirp(time, 20, time[-1], frontend.sample_rate / 2.5),
            rand(samples, 1)[0],
        ]
    ).astype(np.float32)

    @jax.jit
    def features_and_gradient(variables, sounds):
        def mean(variables, sounds):
            features = frontend.apply(variables, sounds)
            return features.mean(), features

        gradient, features = jax.grad(mean, argnums=(0, 1), has_aux=True)(variables, sounds)
        return features, gradient

    features, gradient = features_and_gradient(variables, sounds)
    assert np.isfinite(features).all()
    for part in jax.tree.leaves(gradient):
        assert np.isfinite(part).all()
    noise = gradient[1][-1]
    assert np.abs(noise).max() > 0


@pytest.mark.parametrize("name", OF_WAVEFORMS)
def test_a_clip_depends_on_nothing_but_itself(name, made):
    frontend, variables = made[name]
    clips = rand(frontend.min_samples + 4000, rows=3)
    apply = jax.jit(frontend.apply)
    alone = np.concatenate([apply(variables, clip[None]) for clip in clips])
    spoilt = clips.copy()
    spoilt[1, 100] = np.nan
    together = np.asarray(apply(variables, spoilt))
    # Not a number in one clip stays there, where it is seen; files with such samples are refused.
    np.testing.assert_allclose(together[[0, 2]], alone[[0, 2]], rtol=1e-4, atol=1e-4)
    assert not np.isfinite(together[1]).all()


@pytest.mark.parametrize("name", OF_WAVEFORMS)
def test_what_accelerators_compute_is_the_same(name, made, monkeypatch):
    """A CPU goes through clips and frames in pieces; here it does what other devices do."""
    frontend, variables = made[name]
    clips = rand(frontend.min_samples + 4001)
    expected = np.asarray(jax.jit(frontend.apply)(variables, clips))
    monkeypatch.setattr(jax.lax, "platform_dependent", lambda *args, default, **_: default(*args))
    features = np.asarray(jax.jit(lambda y: frontend.apply(variables, y))(clips))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(features / scale, expected / scale, atol=2e-5)


@pytest.mark.parametrize("name", OF_WAVEFORMS)
def test_the_gradient_is_the_slope(name, made):
    frontend, variables = made[name]
    y = rand(frontend.min_samples + 16_000, rows=1)
    features = frontend.apply(variables, y)
    rng = np.random.default_rng(1)
    weights = rng.normal(size=features.shape).astype(np.float32) / features.size
    direction = rng.normal(size=y.shape).astype(np.float32)

    @jax.jit
    def along(step):
        return jnp.vdot(weights, frontend.apply(variables, y + step * direction))

    slope = float(jax.jit(jax.grad(along))(0.0))
    step = 3e-4
    measured = (float(along(step)) - float(along(-step))) / (2 * step)
    assert measured != 0
    np.testing.assert_allclose(slope, measured, rtol=0.05)


@pytest.mark.parametrize(
    "settings",
    [
        {"center": False},
        {"pad_mode": "reflect"},
        {"hop_length": 441},
        {"n_fft": 511},
        {"center": "same"},
        {"center": "same", "n_fft": 511, "hop_length": 300},
    ],
    ids=str,
)
@pytest.mark.parametrize("extra", [0, 1, 5003])
def test_log_mel_frames_hold_for_other_settings(settings, extra):
    frontend = create_frontend("log_mel", **{"n_mels": 8} | settings)
    samples = frontend.min_samples + extra
    features = jax.eval_shape(lambda y: frontend.apply({}, y), jnp.zeros((1, samples)))
    assert features.shape == (1, frontend.num_frames(samples), 8)


@pytest.mark.parametrize("settings", [{"center": False}, {"pad_mode": "reflect"}], ids=str)
def test_log_mel_rejects_a_clip_without_a_frame(settings):
    frontend = create_frontend("log_mel", **settings)
    with user_error("audio.too_short", f"at least {frontend.min_samples}"):
        frontend.apply({}, jnp.zeros((1, frontend.min_samples - 1)))
