"""The constant-Q transform against its definition in float64, and against librosa."""

from functools import partial

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal
import soundfile
from errors import user_error

from mgr_jax.audio.dsp.cqt import C1, cqt_frequencies, cqt_lengths
from mgr_jax.audio.frontends import create_frontend

CQT = partial(create_frontend, "cqt")
RATE = 22050
SAMPLES = RATE + 4007

# Every one is compared with the definition; librosa is compared where it computes the same.
SETTINGS = [
    {},
    {"hop_length": 1024},
    {"hop_length": 501},
    {"bins_per_octave": 24, "n_bins": 113, "fmin": 130.0},
    {"bins_per_octave": 36, "n_bins": 170, "fmin": 130.0},
    {"n_bins": 30, "fmin": 200.0, "tuning": 0.3},
    {"filter_scale": 0.5},
    {"sample_rate": 16000, "n_bins": 80, "hop_length": 333},
    {"pad_mode": "reflect", "n_bins": 48, "fmin": 130.0},
    {"window": "hamming", "n_bins": 48, "fmin": 130.0},
    {"n_bins": 1, "fmin": 440.0},
]


def sounds() -> np.ndarray:
    """White noise, a sine sweep, silence, an impulse, and all at once clipped."""
    time = np.arange(SAMPLES) / RATE
    noise = np.random.default_rng(0).normal(0, 0.1, SAMPLES)
    sweep = 0.5 * scipy.signal.chirp(time, 30, 2, 5000, method="logarithmic")
    impulse = 1.0 * (np.arange(SAMPLES) == 13011)
    clipped = np.clip(4 * (noise + sweep), -1, 1)
    return np.stack([noise, sweep, 0 * time, impulse, clipped]).astype(np.float32)


def defined_cqt(clips: np.ndarray, **settings) -> np.ndarray:
    """Frames times librosa's filters in float64, with no resampling: magnitudes of each clip."""
    s = {"sample_rate": RATE, "fmin": C1, "n_bins": 84, "bins_per_octave": 12, "tuning": 0.0}
    s |= {"hop_length": 512, "filter_scale": 1.0, "norm": 1, "window": "hann"}
    s |= {"pad_mode": "constant"} | settings
    steps = (np.arange(s["n_bins"]) + s["tuning"]) / s["bins_per_octave"]
    ratio = 4 ** (1 / s["bins_per_octave"])
    wavelets, lengths = librosa.filters.wavelet(
        freqs=s["fmin"] * 2**steps,
        sr=s["sample_rate"],
        filter_scale=s["filter_scale"],
        norm=s["norm"],
        window=s["window"],
        alpha=np.full(s["n_bins"], (ratio - 1) / (ratio + 1)),
        dtype=np.complex128,
    )
    # Sample n of a wavelet, whose centre is half, meets the sample (half - n) after the frame's.
    filters = wavelets[:, ::-1].T * np.sqrt(lengths)
    half = len(filters) // 2
    magnitudes = []
    for clip in clips.astype(np.float64):
        padded = np.pad(clip, (half - 1, half), mode=s["pad_mode"])
        frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * half)[:: s["hop_length"]]
        magnitudes.append(np.abs(frames @ filters.real + 1j * (frames @ filters.imag)))
    return np.stack(magnitudes)


def librosa_cqt(y: np.ndarray, *, sample_rate: int = RATE, **settings) -> np.ndarray:
    return np.abs(librosa.cqt(y.astype(np.float64), sr=sample_rate, **settings).T)


def assert_is_defined(clips: np.ndarray, **settings) -> None:
    magnitudes = np.asarray(jax.jit(CQT(**settings).apply)({}, clips))
    expected = defined_cqt(clips, **settings)
    assert magnitudes.dtype == np.float32
    assert magnitudes.shape == expected.shape
    for clip, ours, exact in zip(clips, magnitudes, expected, strict=True):
        if not clip.any():
            np.testing.assert_array_equal(ours, 0)
            continue
        theirs = librosa_cqt(clip, **settings)
        deviation, librosas = (np.abs(x - exact).max() / exact.max() for x in (ours, theirs))
        assert deviation < 3e-6
        assert 100 * deviation < librosas < 0.12, "librosa resamples, and drops 1%"
        loud = exact > 1e-3 * exact.max()
        np.testing.assert_allclose(20 * np.log10(ours[loud] / exact[loud]), 0, atol=5e-3)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_is_the_definition_more_exactly_than_librosa(settings):
    assert_is_defined(sounds(), **settings)


@pytest.mark.parametrize("norm", [2, np.inf, None])
def test_norms_are_the_definitions(norm):
    clips = sounds()[:1]
    magnitudes = np.asarray(CQT(norm=norm, fmin=130.0, n_bins=48).apply({}, clips))
    expected = defined_cqt(clips, norm=norm, fmin=130.0, n_bins=48)
    np.testing.assert_allclose(magnitudes, expected, rtol=0, atol=3e-6 * expected.max())


@pytest.mark.parametrize("settings", [SETTINGS[0], SETTINGS[3]], ids=str)
def test_is_librosas_where_it_neither_resamples_nor_drops(settings):
    # An odd hop keeps librosa from resampling. It still leaves out negative frequencies.
    settings = settings | {"hop_length": 501}
    for clip in sounds()[:2]:
        ours = CQT(**settings).apply({}, clip[None])[0]
        theirs = librosa_cqt(clip, sparsity=0, **settings)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-4 * theirs.max())


@pytest.mark.parametrize("settings", SETTINGS[:2], ids=str)
def test_is_the_definition_on_music(shared_dir, settings):
    paths = sorted((shared_dir / "data/gtzan_audio_dev").glob("*/*.flac"))[::40][:2]
    start, stop = 5 * RATE, 7 * RATE
    clips = [soundfile.read(p, start=start, stop=stop, dtype="float32")[0] for p in paths]
    assert_is_defined(np.stack(clips), **settings)


def test_frequencies_and_lengths_are_librosas():
    bins = {"fmin": 50.0, "n_bins": 100, "bins_per_octave": 20, "tuning": -0.2}
    frequencies = librosa.cqt_frequencies(**bins)
    np.testing.assert_allclose(cqt_frequencies(**bins), frequencies)
    np.testing.assert_allclose(CQT(**bins).bin_axis.values, frequencies)
    lengths, _ = librosa.filters.wavelet_lengths(
        freqs=frequencies, sr=16000, filter_scale=0.7, window="hamming"
    )
    ours = cqt_lengths(sample_rate=16000, filter_scale=0.7, window="hamming", **bins)
    np.testing.assert_allclose(ours, lengths)
    assert librosa.note_to_hz("C1") == C1


@pytest.mark.parametrize("hop_length", [501, 512])
@pytest.mark.parametrize("samples", [20000, 20480, 20481])
def test_makes_the_frames_it_says(hop_length, samples):
    for settings in ({}, {"center": False}, {"whole_track": True}, {"pad_mode": "reflect"}):
        frontend = CQT(hop_length=hop_length, fmin=65.0, n_bins=24, **settings)
        needed = frontend.min_samples
        for count in (needed, samples):
            clips = jnp.zeros((2, count + 2 * frontend.crop.context))
            frames = jax.eval_shape(frontend.apply, {}, clips)
            assert frames.shape == (2, frontend.num_frames(count), frontend.num_bins)
            assert frames.shape[1] >= 1
        if not frontend.crop.context:
            with user_error("audio.too_short", f"at least {needed}"):
                frontend.apply({}, jnp.zeros((1, needed - 1)))


def test_frames_of_a_crop_are_those_of_its_track():
    track = sounds()[0]
    frontend = CQT(whole_track=True, fmin=200.0, n_bins=24)
    whole = CQT(fmin=200.0, n_bins=24).apply({}, track[None])[0]
    first, samples = 20, 8192
    start, context = first * frontend.crop.step, frontend.crop.context
    crop = track[start - context : start + samples + context]
    frames = frontend.apply({}, crop[None])[0]
    assert len(frames) == frontend.num_frames(samples)
    np.testing.assert_allclose(frames, whole[first : first + len(frames)], atol=1e-6)


def test_without_centring_frames_start_with_the_clip():
    clip = sounds()[0]
    frontend = CQT(center=False, n_bins=60)
    frames = frontend.apply({}, clip[None])[0]
    half = frontend.frame_samples // 2
    shifted = np.pad(clip, (-half % 512, 0))
    exact = defined_cqt(shifted[None], n_bins=60)[0, -(-half // 512) :][: len(frames)]
    np.testing.assert_allclose(frames, exact, atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"power": 2.0}, {"scale": "db"}], ids=str)
def test_gradient_is_the_slope(settings):
    frontend = CQT(fmin=200.0, n_bins=24, hop_length=300, **settings)
    noise, silence = sounds()[[0, 2], :8000]
    direction = np.random.default_rng(1).normal(0, 1, noise.shape).astype(np.float32)

    @jax.jit
    def loss(y):
        return frontend.apply({}, y).mean()

    gradient = jax.jit(jax.grad(loss))(jnp.stack([noise, silence, jnp.ones_like(noise)]))
    assert np.isfinite(gradient).all()
    step = 1e-3
    ahead, behind = (loss((noise + sign * step * direction)[None]) for sign in (1, -1))
    slope = 3 * jnp.vdot(gradient[0], direction)  # the loss was the mean of three clips
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=0.01)


@pytest.mark.parametrize(
    "settings",
    [
        {"n_bins": 108},
        {"n_bins": 0},
        {"fmin": 0.0},
        {"bins_per_octave": 0},
        {"filter_scale": 0.0},
        {"norm": 3},
        {"window": "henn"},
        {"pad_mode": "edge"},
        {"power": 0.5},
        {"center": "same"},
        {"hop_length": 0},
    ],
    ids=str,
)
def test_settings_out_of_range_are_named(settings):
    (name,) = settings
    with user_error("argument.out_of_range", name):
        CQT(**settings).apply({}, jnp.zeros((1, RATE)))


def test_refuses_the_bands_that_librosa_refuses():
    clip = sounds()[0]
    for n_bins in range(98, 103):
        try:
            librosa.cqt(clip, sr=RATE, n_bins=n_bins)
        except librosa.ParameterError:
            with user_error("argument.out_of_range", "n_bins"):
                _ = CQT(n_bins=n_bins).frame_samples
        else:
            assert CQT(n_bins=n_bins).frame_samples > 0
