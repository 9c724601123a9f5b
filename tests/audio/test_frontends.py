"""What every front end promises, and how they are found."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from mgr_jax.audio.frontends import (
    PRESETS,
    Precomputed,
    Resampled,
    Stack,
    create_frontend,
    list_frontends,
    list_presets,
)
from mgr_jax.errors import UserError

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
    with pytest.raises(UserError, match=f"at least {frontend.min_samples}"):
        frontend.apply({}, jnp.zeros((1, frontend.min_samples - 1)))


def test_waveform_hands_on_every_sample():
    waveform = rand(301)
    features = create_frontend("waveform", sample_rate=16000).apply({}, waveform)
    np.testing.assert_array_equal(features, waveform[:, :, None])


@pytest.mark.parametrize("shape", [(2, 7, 5), (2, 7, 5, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8])
def test_stored_features_are_handed_on_as_float32(shape, dtype):
    stored = np.random.default_rng(0).uniform(0, 255, shape).astype(dtype)
    frontend = create_frontend("precomputed")
    features = frontend.apply({}, stored)
    assert features.dtype == jnp.float32
    np.testing.assert_array_equal(features, stored)
    assert frontend.num_frames(7) == 7
    assert frontend.min_samples == frontend.frame_samples == 1


def test_stored_features_are_told_from_waveforms():
    with pytest.raises(UserError, match=r"precomputed got .*\(2, 300\).*use log_mel or waveform"):
        create_frontend("precomputed").apply({}, jnp.zeros((2, 300)))
    with pytest.raises(UserError, match="no preset 'gtzan_mel'; did you mean gtzan_mel3"):
        Precomputed(preset="gtzan_mel")


def test_stack_puts_front_ends_side_by_side_as_channels():
    y = rand(5000)
    stack = create_frontend("stack", **SETTINGS["stack"])
    features = stack.apply({}, y)
    assert features.shape == (2, stack.num_frames(5000), 40, 2)
    for channel, part in enumerate(SETTINGS["stack"]["frontends"]):
        alone = create_frontend(part["name"], **part["kwargs"]).apply({}, y)
        np.testing.assert_allclose(features[..., channel], alone, atol=1e-4)


def test_resampled_hears_what_a_front_end_at_the_other_rate_hears():
    time = np.arange(3 * 48_000) / 48_000
    tones = sum(np.sin(2 * np.pi * f * time) for f in (220.0, 1000.0, 5000.0)).astype(np.float32)
    settings = {"n_fft": 512, "hop_length": 256, "n_mels": 40, "top_db": 60.0}
    nested = {"name": "log_mel", "kwargs": settings}
    frontend = create_frontend("resampled", sample_rate=48000, target_rate=16000, frontend=nested)
    features = np.asarray(frontend.apply({}, 0.3 * tones[None]))[0]
    expected = create_frontend("log_mel", sample_rate=16000, **settings).apply(
        {}, 0.3 * tones[None, ::3]
    )[0]
    assert features.shape == expected.shape
    # Away from the ends, where the filter sees zeros.
    np.testing.assert_allclose(features[5:-5], expected[5:-5], atol=0.05)


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("stack", {}, "stack needs front ends"),
        ("stack", {"frontends": ("log_mel",)}, r"'log_mel'; expected \{'name'"),
        (
            "stack",
            {"frontends": ({"name": "log_mel"}, {"name": "mfcc"})},
            "different bins or frame rates",
        ),
        (
            "stack",
            {
                "frontends": (
                    {"name": "stft", "kwargs": {"whole_track": True, "normalise_over": "track"}},
                )
            },
            "cannot have normalise_over='track'",
        ),
        ("stack", {"parts": ()}, "no argument of the front end stack 'parts'"),
        (
            "stack",
            {"frontends": ({"name": "stft", "kwargs": {"sample_rate": 8000}},)},
            "stft within another has a sample_rate; remove it",
        ),
        (
            "stack",
            {"frontends": ({"name": "stft"}, {"name": "harmonic"})},
            "for 16000 Hz, 22050 Hz; give the stack a sample_rate",
        ),
        ("resampled", {"frontend": {"name": "log_mel"}}, "needs a front end and its rate"),
        (
            "resampled",
            {
                "target_rate": 12000,
                "frontend": {"name": "log_mel", "kwargs": {"whole_track": True}},
            },
            "prepare the dataset at 12000 Hz",
        ),
        ("stft", {"hop_length": 0}, "hop_length is 0; it must be positive"),
        ("stft", {"center": "middle"}, "center is 'middle'"),
        ("stft", {"whole_track": True, "center": False}, "whole_track needs center=True"),
        ("mfcc", {"n_mfcc": 200}, "n_mfcc is 200; use 1 to n_mels=128"),
        ("mfcc", {"delta_width": 4}, "delta_width is 4; use an odd number"),
        ("mfcc", {"deltas": 3}, "deltas is 3"),
        ("log_mel", {"scale": "dB"}, "scale is 'dB'; it must be one of linear, db"),
        ("log_mel", {"standardise": True}, "standardise is True"),
        ("log_mel", {"normalise_over": "song"}, "normalise_over is 'song'"),
        ("log_mel", {"normalise_over": "track"}, "'track' needs frames of whole tracks; set whole"),
        ("harmonic", {"normalise_over": "dataset"}, "filters that are still to be learnt"),
        ("tempogram", {"normalise_over": "dataset"}, "'dataset' needs frames of whole tracks"),
        ("log_mel", {"scale": "pcen", "pcen": {"gian": 1}}, "'gian'; did you mean gain"),
        ("log_mel", {"power": 0.5}, "power is 0.5; use 1 or more"),
        ("log_mel", {"n_mels": "96"}, "n_mels is '96'; expected int"),
        ("log_mel", {"n_fft": 512.0}, "n_fft is 512.0; expected int"),
        ("log_mel", {"htk": "no"}, "htk is 'no'; expected bool"),
        ("log_mel", {"top_db": "80"}, r"top_db is '80'; expected float \| None"),
        ("log_mel", {"top_db": -5.0}, "top_db is -5.0; it must be positive, or None"),
        ("log_mel", {"energy_gain": -1}, "energy_gain is -1; it must be positive"),
        ("log_mel", {"pcen": 5}, "pcen is 5; expected"),
        ("log_mel", {"center": 1}, "center is 1; expected"),
        ("stack", {"frontends": 5}, "frontends is 5; expected a sequence"),
        ("stack", {"frontends": ({"name": "stft", "kwargs": 5},)}, "expected {'name'"),
        ("stack", {"frontends": ({"name": "precomputed"},)}, "it takes no waveforms"),
        ("stft", {"center": "same", "pad_mode": "reflect"}, "'same' pads with zeros"),
        ("log_mel", {"energy_dtype": "float64"}, "energy_dtype is 'float64'"),
        ("precomputed", {"normalise_over": "track"}, "must be 'segment' or 'dataset'"),
        ("choi2016", {"n_mels": 128}, "published input.*use the front end log_mel"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence(name, settings, says):
    with pytest.raises(UserError, match=says):
        create_frontend(name, **settings)


def test_unknown_names_suggest_the_closest():
    with pytest.raises(UserError, match=r"no front end 'log-mel'; did you mean log_mel\?"):
        create_frontend("log-mel")
    with pytest.raises(UserError, match=f"choose from .*{list_frontends()[0]}"):
        create_frontend("xyz")
    with pytest.raises(UserError, match=r"'nmels'; did you mean n_mels\?"):
        create_frontend("log_mel", nmels=64)


def test_presets_are_front_ends_too():
    assert list_presets() == sorted(PRESETS)
    assert not set(PRESETS) & set(list_frontends())
    assert isinstance(create_frontend("bbnn", sample_rate=44100), Resampled)
    assert not isinstance(create_frontend("bbnn", sample_rate=22050), Resampled)
    assert isinstance(create_frontend("stack", **SETTINGS["stack"]), Stack)
