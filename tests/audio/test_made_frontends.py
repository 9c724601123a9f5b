"""How front ends are made by name, from others, and from what is stored."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error

from mgr_jax.audio.frontends import (
    FRONTENDS,
    Resampled,
    Stack,
    create_frontend,
    extract_features,
    list_frontends,
    list_presets,
)

OF_WAVEFORMS = [name for name in list_frontends() if name != "precomputed"]
RANGE, TYPE = "argument.out_of_range", "argument.wrong_type"
NAN, INF = float("nan"), float("inf")
LOG_MEL = {"n_fft": 512, "hop_length": 128, "n_mels": 40}
PARTS = (
    {"name": "log_mel", "kwargs": LOG_MEL},
    {"name": "log_mel", "kwargs": LOG_MEL | {"n_fft": 256, "scale": "ln"}},
)


def test_waveform_hands_on_every_sample():
    waveform = np.random.default_rng(0).normal(0, 0.1, (2, 301)).astype(np.float32)
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
    with user_error("frontend.not_stored_features", "(2, 300)"):
        create_frontend("precomputed").apply({}, jnp.zeros((2, 300)))
    with user_error("unknown_name", "did you mean gtzan_mel3"):
        create_frontend("precomputed", preset="gtzan_mel")


def test_stack_puts_front_ends_side_by_side_as_channels():
    y = np.random.default_rng(0).normal(0, 0.1, (2, 5000)).astype(np.float32)
    stack = create_frontend("stack", frontends=PARTS)
    features = stack.apply({}, y)
    assert features.shape == (2, stack.num_frames(5000), 40, 2)
    for channel, part in enumerate(PARTS):
        alone = create_frontend(part["name"], **part["kwargs"]).apply({}, y)
        np.testing.assert_allclose(features[..., channel], alone, atol=1e-4)


def test_a_stack_of_presets_is_for_the_rate_of_the_dataset():
    stack = create_frontend("stack", sample_rate=44_100, frontends=({"name": "bbnn"},) * 2)
    alone = create_frontend("bbnn", sample_rate=44_100)
    samples = stack.min_samples + 9_000
    features = jax.eval_shape(lambda y: stack.apply({}, y), jnp.zeros((1, samples)))
    assert features.shape == (1, stack.num_frames(samples), 128, 2)
    assert stack.num_frames(samples) == alone.num_frames(samples)
    assert (stack.sample_rate, stack.frame_rate) == (44_100, alone.frame_rate)


def test_a_stack_gives_the_features_of_a_whole_track():
    parts = tuple({"name": p["name"], "kwargs": LOG_MEL | {"whole_track": True}} for p in PARTS)
    track = np.random.default_rng(0).normal(0, 0.1, 9_000).astype(np.float32)
    features = extract_features(create_frontend("stack", frontends=parts), track)
    alone = create_frontend("log_mel", **LOG_MEL).apply({}, track[None])[0]
    np.testing.assert_allclose(features[..., 0], alone, atol=1e-3)


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
    ("name", "settings", "code", "named"),
    [
        ("stack", {}, "frontend.nothing_stacked", "front ends"),
        ("stack", {"frontends": ("log_mel",)}, "frontend.not_a_description", "'log_mel'"),
        (
            "stack",
            {"frontends": ({"name": "log_mel"}, {"name": "mfcc"})},
            "frontend.stacked_unlike",
            "bins",
        ),
        (
            "stack",
            {
                "frontends": (
                    {"name": "stft", "kwargs": {"whole_track": True, "normalise_over": "track"}},
                )
            },
            "frontend.stacked_statistics",
            "normalise_over",
        ),
        ("stack", {"parts": ()}, "unknown_name", "'parts'"),
        (
            "stack",
            {"frontends": ({"name": "stft", "kwargs": {"sample_rate": 8000}},)},
            "frontend.not_within_another",
            "stft",
        ),
        (
            "stack",
            {"frontends": ({"name": "stft"}, {"name": "harmonic"})},
            "frontend.stacked_unlike",
            "sample_rate",
        ),
        (
            "resampled",
            {"frontend": {"name": "log_mel"}},
            "frontend.nothing_resampled",
            "target_rate",
        ),
        (
            "resampled",
            {
                "target_rate": 12000,
                "frontend": {"name": "log_mel", "kwargs": {"whole_track": True}},
            },
            "frontend.resamples_tracks",
            "12000 Hz",
        ),
        ("stft", {"hop_length": 0}, RANGE, "hop_length is 0"),
        ("stft", {"center": "middle"}, RANGE, "center is 'middle'"),
        (
            "stft",
            {"whole_track": True, "center": False},
            "frontend.whole_track_not_centred",
            "center=True",
        ),
        (
            "log_mel",
            {"whole_track": True, "preemphasis": 0.97},
            "frontend.preemphasis_of_whole_track",
            "preemphasis=0",
        ),
        ("stft", {"preemphasis": 1.5}, RANGE, "preemphasis is 1.5"),
        ("log_mel", {"triangles": "bark"}, RANGE, "triangles is 'bark'"),
        ("mfcc", {"n_mfcc": 200}, RANGE, "n_mfcc is 200; use 1 to n_mels=128"),
        ("mfcc", {"delta_width": 4}, RANGE, "delta_width is 4"),
        ("mfcc", {"deltas": 3}, RANGE, "deltas is 3"),
        (
            "log_mel",
            {"scale": "dB"},
            RANGE,
            "scale is 'dB'",
        ),
        ("log_mel", {"standardise": True}, TYPE, "standardise is True"),
        (
            "log_mel",
            {"normalise_over": "song"},
            RANGE,
            "normalise_over is 'song'",
        ),
        ("log_mel", {"normalise_over": "track"}, "frontend.needs_whole_track", "whole_track=True"),
        ("harmonic", {"normalise_over": "dataset"}, RANGE, "segment or batch"),
        ("tempogram", {"normalise_over": "dataset"}, "frontend.needs_whole_track", "'dataset'"),
        (
            "log_mel",
            {"scale": "pcen", "pcen": {"gian": 1}},
            "unknown_name",
            "did you mean gain",
        ),
        ("log_mel", {"pcen": {"gain": "0.8"}}, RANGE, "gain is '0.8'"),
        ("log_mel", {"power": float("nan")}, RANGE, "power is nan"),
        ("log_mel", {"power": 0.5}, RANGE, "power is 0.5"),
        ("log_mel", {"n_mels": "96"}, TYPE, "n_mels is '96'; expected int"),
        ("log_mel", {"n_fft": 512.0}, TYPE, "n_fft is 512.0; expected int"),
        ("log_mel", {"htk": "no"}, TYPE, "htk is 'no'; expected bool"),
        (
            "log_mel",
            {"top_db": "80"},
            TYPE,
            "top_db is '80'; expected float | None",
        ),
        ("log_mel", {"top_db": -5.0}, RANGE, "top_db is -5.0"),
        ("log_mel", {"energy_gain": -1}, RANGE, "energy_gain is -1"),
        ("log_mel", {"pcen": 5}, TYPE, "pcen is 5"),
        ("log_mel", {"center": 1}, TYPE, "center is 1"),
        ("stack", {"frontends": 5}, TYPE, "frontends is 5"),
        (
            "stack",
            {"frontends": ({"name": "stft", "kwargs": 5},)},
            "frontend.not_a_description",
            "'stft'",
        ),
        (
            "stack",
            {"frontends": ({"name": "precomputed"},)},
            "frontend.not_within_another",
            "precomputed",
        ),
        ("stft", {"center": "same", "pad_mode": "reflect"}, "frontend.same_reflects", "'reflect'"),
        (
            "log_mel",
            {"energy_dtype": "float64"},
            RANGE,
            "energy_dtype is 'float64'",
        ),
        ("precomputed", {"normalise_over": "track"}, RANGE, "segment or dataset"),
        ("choi2016", {"n_mels": 128}, "frontend.preset_has_no_settings", "log_mel"),
        ("stack", {"frontends": ({"name": 3},)}, "frontend.not_a_description", "3"),
        ("stack", {"frontends": ({"name": ["stft"]},)}, "frontend.not_a_description", "stft"),
        *(
            (
                "stack",
                {"frontends": ({"name": "stft", "kwargs": {reserved: "x"}},)},
                "frontend.not_within_another",
                reserved,
            )
            for reserved in ("name", "axis_name")
        ),
        *(
            ("resampled", {"target_rate": rate, "frontend": {"name": "stft"}}, RANGE, "target_rate")
            for rate in (NAN, INF, 0)
        ),
        *(
            (name, {setting: value}, RANGE, f"{setting} is {value}")
            for name, setting in (
                ("chroma_stft", "tuning"),
                ("cqt", "filter_scale"),
                ("cqt", "fmin"),
                ("cqt", "tuning"),
                ("log_mel", "amin"),
                ("log_mel", "energy_gain"),
                ("log_mel", "fmax"),
                ("log_mel", "fmin"),
                ("log_mel", "power"),
                ("log_mel", "ref"),
                ("log_mel", "top_db"),
                ("mfcc", "lifter"),
                ("sincnet", "min_low_hz"),
            )
            for value in (NAN, INF)
        ),
        *(
            ("log_mel", {"pcen": {"gain": gain}}, RANGE, f"gain is {gain!r}")
            for gain in ("first", True, NAN, INF)
        ),
        ("log_mel", {"pcen": {"initial": "last"}}, RANGE, "initial is 'last'"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence(name, settings, code, named):
    with user_error(code, named):
        create_frontend(name, **settings)


@pytest.mark.parametrize(
    ("rate", "code"),
    [("16000", TYPE), ([3], TYPE), (True, TYPE), (NAN, RANGE), (INF, RANGE), (0, RANGE)],
    ids=str,
)
@pytest.mark.parametrize("name", ["log_mel", "choi2016", "stack", "resampled"])
def test_a_sample_rate_is_a_positive_number(name, rate, code):
    settings = {
        "stack": {"frontends": PARTS},
        "resampled": {"target_rate": 8000, "frontend": PARTS[0]},
    }
    with user_error(code, f"{name}: sample_rate is {rate!r}"):
        create_frontend(name, sample_rate=rate, **settings.get(name, {}))


def test_resampling_takes_rates_as_they_are():
    settings = {"target_rate": 8000, "frontend": PARTS[0]}
    frontend = create_frontend("resampled", sample_rate=12_800.5, **settings)
    with user_error("audio.rates_too_fine", "12800.5 Hz"):
        frontend.apply({}, np.zeros((1, 9000), np.float32))


@pytest.mark.parametrize(
    ("track", "code", "named"),
    [
        (np.zeros((2, 9000)), "audio.not_a_waveform", "(2, 9000)"),
        (np.zeros(9000, np.int32), "audio.not_a_waveform", "int32"),
        ("song.wav", "audio.not_a_waveform", "()"),
        (np.full(9000, np.nan), "audio.not_finite", "track"),
        (np.zeros(100), "audio.too_short", "100"),
    ],
    ids=["stereo", "int32", "path", "NaN", "short"],
)
def test_only_a_waveform_has_features(track, code, named):
    with user_error(code, named):
        extract_features(create_frontend("log_mel", pad_mode="reflect"), track)


@pytest.mark.parametrize("name", OF_WAVEFORMS)
def test_a_waveform_without_a_batch_is_told(name):
    part = {"name": "log_mel"}
    composed = {
        "stack": {"frontends": (part,)},
        "resampled": {"target_rate": 8000, "frontend": part},
    }
    frontend = create_frontend(name, **composed.get(name, {}))
    for shape in ((9000,), (1, 9000, 2)):
        with user_error("audio.not_waveforms", str(shape)):
            frontend.init(jax.random.key(0), np.zeros(shape, np.float32))


def test_int16_is_scaled():
    clips = np.random.default_rng(0).integers(-9_000, 9_000, (2, 5_000)).astype(np.int16)
    frontend = create_frontend("log_mel", **LOG_MEL)
    expected = frontend.apply({}, clips.astype(np.float32) / 32768)
    np.testing.assert_array_equal(frontend.apply({}, clips), expected)
    with user_error("audio.not_waveforms", "int32"):
        frontend.apply({}, clips.astype(np.int32))


def test_unknown_names_suggest_the_closest():
    with user_error("unknown_name", "did you mean log_mel?"):
        create_frontend("log-mel")
    with user_error("unknown_name", "choose from", list_frontends()[0]):
        create_frontend("xyz")
    with user_error("unknown_name", "'nmels'; did you mean n_mels?"):
        create_frontend("log_mel", nmels=64)


def test_no_two_parts_of_a_front_end_have_a_setting_of_one_name():
    for recipe in FRONTENDS.values():
        names = [name for part in recipe.parts().values() for name, _ in part.settings()]
        assert {name for name in names if names.count(name) > 1} <= {"sample_rate"}


def test_presets_are_front_ends_too():
    assert not set(list_presets()) & set(list_frontends())
    assert isinstance(create_frontend("bbnn", sample_rate=44100), Resampled)
    assert not isinstance(create_frontend("bbnn", sample_rate=22050), Resampled)
    assert isinstance(create_frontend("stack", frontends=PARTS), Stack)
