"""What every front end promises, and how they are found."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mgr_jax.audio.frontends import create_frontend, list_frontends
from mgr_jax.errors import UserError

# "features" takes stored features instead of waveforms, and cannot know how many bins they have.
OF_WAVEFORMS = [name for name in list_frontends() if name != "features"]


@pytest.mark.parametrize("name", OF_WAVEFORMS)
@pytest.mark.parametrize("extra", [0, 1, 511, 512, 10001])
def test_frames_and_bins_are_as_promised(name, extra):
    frontend = create_frontend(name)
    samples = frontend.min_samples + extra
    waveform = np.random.default_rng(0).normal(0, 0.1, (2, samples)).astype(np.float32)
    features = frontend.init_with_output(jax.random.key(0), waveform)[0]
    assert features.shape[:3] == (2, frontend.num_frames(samples), frontend.num_bins)
    assert features.shape[1] >= 1
    assert features.dtype == jnp.float32
    assert np.isfinite(features).all()


@pytest.mark.parametrize(
    "settings",
    [{"center": False}, {"pad_mode": "reflect"}, {"hop_length": 441}, {"n_fft": 511}],
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
    waveform = np.random.default_rng(0).normal(0, 0.1, (2, 301)).astype(np.float32)
    features = create_frontend("waveform", sample_rate=16000).apply({}, waveform)
    np.testing.assert_array_equal(features, waveform[:, :, None])


@pytest.mark.parametrize("shape", [(2, 7, 5), (2, 7, 5, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8])
def test_stored_features_are_handed_on_as_float32(shape, dtype):
    stored = np.random.default_rng(0).uniform(0, 255, shape).astype(dtype)
    frontend = create_frontend("features", sample_rate=0)
    features = frontend.apply({}, stored)
    assert features.dtype == jnp.float32
    np.testing.assert_array_equal(features, stored)
    assert frontend.num_frames(7) == 7
    assert frontend.min_samples == frontend.frame_samples == 1


def test_stored_features_are_told_from_waveforms():
    with pytest.raises(UserError, match=r"features got .*\(2, 300\).*use log_mel or waveform"):
        create_frontend("features").apply({}, jnp.zeros((2, 300)))


def test_unknown_names_suggest_the_closest():
    with pytest.raises(UserError, match=r"no front end 'log-mel'; did you mean log_mel\?"):
        create_frontend("log-mel")
    with pytest.raises(UserError, match=f"choose from .*{list_frontends()[0]}"):
        create_frontend("xyz")
    with pytest.raises(UserError, match=r"'nmels'; did you mean n_mels\?"):
        create_frontend("log_mel", nmels=64)
