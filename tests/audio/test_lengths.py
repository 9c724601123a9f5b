"""Clips that are filled up: their own frames are those of the clip alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error

from mgr_jax.audio.frontends import create_frontend, list_frontends

MEL = {"n_fft": 512, "hop_length": 128, "n_mels": 40}
CQT = {"fmin": 440.0, "n_bins": 24, "hop_length": 256}
CASES = [
    ("chroma_cqt", {"fmin": 440.0, "n_bins": 72, "hop_length": 256}),
    ("chroma_stft", {"n_fft": 512, "hop_length": 128, "standardise": "bins"}),
    ("cqt", CQT | {"scale": "db", "ref": "max"}),
    ("cqt", CQT | {"pad_mode": "reflect", "hop_length": 250}),
    ("cqt", CQT | {"center": False}),
    ("harmonic", {"top_db": 60.0, "standardise": "all"}),
    ("harmonic", {"center": False}),
    ("leaf", {"n_filters": 8}),
    ("leaf", {"n_filters": 8, "win_length": 200, "hop_length": 130}),
    ("log_mel", MEL | {"ref": "max", "standardise": "all"}),
    ("log_mel", MEL | {"pad_mode": "reflect", "standardise": "bins", "hop_length": 100}),
    ("log_mel", MEL | {"center": "same", "ref": "max"}),
    ("log_mel", MEL | {"center": "same", "hop_length": 300, "n_fft": 511}),
    ("log_mel", MEL | {"center": False, "standardise": "all"}),
    ("log_mel", MEL | {"center": False, "pad_mode": "reflect"}),
    ("log_mel", MEL | {"pad_mode": "reflect", "preemphasis": 0.97, "hop_length": 100}),
    ("log_mel", MEL | {"center": "same", "preemphasis": 0.9, "periodic": False}),
    ("log_mel", MEL | {"scale": "pcen", "energy_gain": 2.0**31}),
    # In silence slopes are rounding, which a z-score would blow up.
    ("mfcc", MEL | {"n_mfcc": 13, "deltas": 2}),
    ("mfcc", MEL | {"n_mfcc": 13, "standardise": "bins"}),
    ("precomputed", {"standardise": "bins", "normalise_over": "segment"}),
    ("resampled", {"target_rate": 16000, "frontend": {"name": "log_mel", "kwargs": MEL}}),
    ("sincnet", {"n_filters": 8}),
    ("stack", {"frontends": [{"name": "log_mel", "kwargs": MEL}] * 2}),
    ("stft", {"n_fft": 512, "hop_length": 128}),
    ("tempogram", {"win_length": 32, "n_fft": 512, "n_mels": 20}),
    (
        "tempogram",
        {"win_length": 31, "n_fft": 512, "n_mels": 20, "hop_length": 256, "center": False},
    ),
    ("waveform", {}),
]
SAMPLES = 14_000


def test_every_front_end_is_tried():
    assert {name for name, _ in CASES} == set(list_frontends())


def made(name, settings):
    """A front end, and its features as a function of clips, lengths and statistics."""
    frontend = create_frontend(name, **settings)
    shape = (1, 90, 5) if name == "precomputed" else (1, SAMPLES)
    variables = frontend.init(jax.random.key(0), jnp.zeros(shape))
    return frontend, jax.jit(lambda y, n=None, aux=None: frontend.apply(variables, y, aux, n))


def clips_and_lengths(frontend):
    """Noise that swells, filled up with zeros but for the first; silence last."""
    rng = np.random.default_rng(0)
    if frontend.registered == "precomputed":
        clips, lengths = rng.uniform(0, 9, (3, 90, 5)), np.array([90, 2, 2], np.int32)
    else:
        shortest = max(frontend.min_samples, frontend.frame_samples) + 311
        lengths = np.array([SAMPLES, shortest, shortest], np.int32)  # each compiles anew
        clips = rng.normal(0, 0.1, (3, SAMPLES)) * np.linspace(0.1, 3, SAMPLES)
    clips[-1] = 0
    for clip, length in zip(clips, lengths, strict=True):
        clip[length:] = 0
    return clips.astype(np.float32), lengths


@pytest.mark.parametrize(("name", "settings"), CASES, ids=str)
def test_frames_of_a_filled_clip_are_those_of_the_clip_alone(name, settings):
    frontend, features = made(name, settings)
    clips, lengths = clips_and_lengths(frontend)
    frames = np.asarray(frontend.frame_lengths(lengths))
    np.testing.assert_array_equal(frames, [frontend.num_frames(int(n)) for n in lengths])

    @jax.jit
    def features_and_gradient(clips):
        def mean(clips):
            x = features(clips, lengths)
            inside = jnp.arange(x.shape[1]) < frames[:, None]
            return jnp.where(jnp.expand_dims(inside, range(2, x.ndim)), x, 0.0).mean(), x

        return jax.grad(mean, has_aux=True)(clips)

    gradient, together = map(np.asarray, features_and_gradient(clips))
    assert np.isfinite(together).all()
    for clip, found, length, count in zip(clips, together, lengths, frames, strict=True):
        alone = np.asarray(features(clip[None, :length]))[0]
        assert len(alone) == count <= len(found)
        scale = max(1.0, np.abs(alone).max())
        np.testing.assert_allclose(found[:count] / scale, alone / scale, rtol=0, atol=1e-5)
    assert np.isfinite(gradient).all()
    for row, length in zip(gradient, lengths, strict=True):
        assert not row[length:].any()


def test_sound_in_what_fills_up_is_not_heard():
    """An augmentation may add noise to it."""
    frontend, features = made("log_mel", MEL | {"ref": "max", "standardise": "all"})
    clips, lengths = clips_and_lengths(frontend)
    noisy = clips + np.random.default_rng(1).normal(0, 1, clips.shape).astype(np.float32)
    for clip, clean, length in zip(noisy, clips, lengths, strict=True):
        clip[:length] = clean[:length]
    np.testing.assert_array_equal(features(noisy, lengths), features(clips, lengths))


@pytest.mark.parametrize("standardise", ["all", "bins"])
def test_a_batch_is_measured_without_what_fills_it_up(standardise):
    frontend, features = made(
        "log_mel", MEL | {"standardise": standardise, "normalise_over": "batch", "ref": "max"}
    )
    clips, lengths = clips_and_lengths(frontend)
    mask = np.array([True, True, False])
    found = np.asarray(features(clips, lengths, {"mask": mask}))
    rows = [
        row[:count]
        for row, count, used in zip(found, frontend.frame_lengths(lengths), mask, strict=True)
        if used
    ]
    frames = np.concatenate(rows)
    axes = (0, 1) if standardise == "all" else 0
    np.testing.assert_allclose(frames.mean(axes), 0, atol=1e-4)
    np.testing.assert_allclose(frames.std(axes), 1, atol=1e-4)


@pytest.mark.parametrize("pad_mode", ["constant", "reflect"])
def test_only_a_filled_clip_ends_its_track(pad_mode):
    """With `whole_track` a clip comes with its context, which is real where the track goes on."""
    settings = MEL | {"whole_track": True, "pad_mode": pad_mode, "ref": "max"}
    frontend = create_frontend("log_mel", **settings)
    plain = create_frontend("log_mel", **settings | {"whole_track": False})
    context = frontend.crop.context
    track = np.random.default_rng(0).normal(0, 0.1, 9_000 + 2 * context).astype(np.float32)
    apply = jax.jit(lambda y, n=None: frontend.apply({}, y, None, n))
    whole = apply(track[None])
    np.testing.assert_array_equal(apply(track[None], jnp.array([9_000])), whole)
    short = track[:5_000]
    left = np.zeros(context) if pad_mode == "constant" else short[context:0:-1]
    filled = np.concatenate([left, short, np.zeros(4_000 + context)]).astype(np.float32)
    found = np.asarray(apply(filled[None], jnp.array([5_000])))[0]
    alone = np.asarray(plain.apply({}, short[None]))[0]
    np.testing.assert_allclose(found[: len(alone)], alone, atol=1e-3)


@pytest.mark.parametrize(
    ("rate", "target", "seconds"), [(48_000, 22_050, 600), (22_051, 22_050, 30)], ids=str
)
def test_numbers_of_long_clips_do_not_overflow(rate, target, seconds):
    log_mel = {"name": "log_mel"}
    frontend = create_frontend("resampled", sample_rate=rate, target_rate=target, frontend=log_mel)
    samples = seconds * rate + np.arange(-600, 600)
    expected = [frontend.num_frames(int(n)) for n in samples]
    np.testing.assert_array_equal(frontend.frame_lengths(jnp.array(samples)), expected)
    assert frontend.num_frames(seconds * rate) == 1 + seconds * target // 512


def test_a_stack_has_the_frames_that_all_its_front_ends_give():
    kwargs = {"hop_length": 128, "n_mels": 20, "center": False}
    parts = [{"name": "log_mel", "kwargs": kwargs | {"n_fft": n_fft}} for n_fft in (512, 600)]
    frontend = create_frontend("stack", frontends=parts)
    # Of 1100 samples the first gives 5 frames, the second 4; of 1112 both give 5.
    assert [frontend.num_frames(n) for n in (1_100, 1_112)] == [4, 5]
    lengths = jnp.array([1_112, 1_100])
    np.testing.assert_array_equal(frontend.frame_lengths(lengths), [5, 4])
    clips = np.random.default_rng(0).normal(0, 0.1, (2, 1_112)).astype(np.float32)
    assert frontend.apply({}, clips, None, lengths).shape == (2, 5, 20, 2)
    with user_error("frontend.stacked_frames", "5, 4"):
        frontend.apply({}, clips[:, :1_100])


def test_a_stack_measures_a_batch_without_the_rows_that_fill_it_up():
    kwargs = MEL | {"standardise": "all", "normalise_over": "batch", "top_db": None}
    _, alone = made("log_mel", kwargs)
    _, stacked = made("stack", {"frontends": [{"name": "log_mel", "kwargs": kwargs}]})
    clips = np.random.default_rng(0).normal(0, 0.1, (3, 2_000)).astype(np.float32)
    clips[-1] = 0
    mask = {"mask": np.array([True, True, False])}
    found = stacked(clips, None, mask)[..., 0]
    np.testing.assert_array_equal(found, alone(clips, None, mask))
    np.testing.assert_allclose(found[:2].mean(), 0, atol=1e-4)
