"""LEAF, SincNet and harmonic filters against their published definitions in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from errors import user_error
from jax.test_util import check_grads

from mgr_jax.audio.frontends import create_frontend

Leaf = partial(create_frontend, "leaf")
SincNet = partial(create_frontend, "sincnet")
Harmonic = partial(create_frontend, "harmonic")
SAMPLE_RATE = 16000


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    """A quarter of a second of noise, of two tones, and of noise after silence; odd in length."""
    time = np.arange(4001) / SAMPLE_RATE
    noise = np.random.default_rng(0).normal(0, 0.1, len(time))
    tones = 0.5 * np.sin(2 * np.pi * 200 * time) + 0.05 * np.sin(2 * np.pi * 3000 * time)
    return np.stack([noise, tones, noise * (time > 0.1)]).astype(np.float32)


def start(frontend) -> dict[str, np.ndarray]:
    """Its parameters before training, by name."""
    variables = frontend.init(jax.random.key(0), jnp.zeros((1, frontend.min_samples)))
    return {name: np.asarray(value) for name, value in variables["params"].items()}


def trained(frontend) -> dict[str, np.ndarray]:
    """Parameters as training may leave them, all within their limits."""
    rng = np.random.default_rng(1)
    return {k: (v * rng.uniform(0.8, 1.0, v.shape)).astype("f") for k, v in start(frontend).items()}


def features(frontend, params: dict, waveform: np.ndarray) -> jax.Array:
    return jax.jit(frontend.apply)({"params": params}, waveform)


def correlate(y: np.ndarray, taps: np.ndarray, left: int, right: int) -> np.ndarray:
    return np.correlate(np.pad(y.astype(np.float64), (left, right)), taps, mode="valid")


# ---- LEAF


def published_leaf(y: np.ndarray, params: dict, taps: int, hop: int) -> np.ndarray:
    """Section 3 of arXiv 2101.08596 with the limits and the padding of leaf-audio, one clip."""
    p = {name: np.asarray(value, np.float64) for name, value in params.items()}
    time = np.arange(taps) - taps // 2
    frames = -(-len(y) // hop)
    missing = max((frames - 1) * hop + taps - len(y), 0)
    result = np.zeros((frames, len(p["center"])))
    for i in range(result.shape[1]):
        center = np.clip(p["center"][i], 0, np.pi)
        widest = taps * np.sqrt(2 * np.log(2)) / np.pi
        sigma = np.clip(p["width"][i], 4 * np.sqrt(2 * np.log(2)) / np.pi, widest)
        gaussian = np.exp(-(time**2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
        left = (taps - 1) // 2
        real = correlate(y, gaussian * np.cos(center * time), left, taps - 1 - left)
        imaginary = correlate(y, gaussian * np.sin(center * time), left, taps - 1 - left)
        half = 0.5 * (taps - 1)
        spread = np.clip(p["pooling_width"][i], 2 / taps, 0.5) * half
        window = np.exp(-0.5 * ((np.arange(taps) - half) / spread) ** 2)
        energy = correlate(real**2 + imaginary**2, window, missing // 2, missing - missing // 2)
        energy = np.maximum(energy[::hop], 1e-5)
        smoothing, level = np.clip(p["smoothing"][i], 0, 1), energy[0]
        alpha, root = min(p["alpha"][i], 1), max(p["root"][i], 1)
        delta = p["delta"][i]
        for frame in range(frames):
            level = smoothing * energy[frame] + (1 - smoothing) * level
            adapted = energy[frame] / (1e-12 + level) ** alpha
            result[frame, i] = (adapted + delta) ** (1 / root) - delta ** (1 / root)
    return result


@pytest.mark.parametrize(
    "settings", [{}, {"win_length": 200, "hop_length": 100, "n_filters": 12}], ids=str
)
@pytest.mark.parametrize("samples", [4001, 77])
def test_leaf_is_the_published_formula(clips, settings, samples):
    frontend = Leaf(**settings)
    clips = clips[:, :samples]
    for params in (start(frontend), trained(frontend)):
        levels = features(frontend, params, clips)
        expected = [
            published_leaf(clip, params, frontend.bands.win_length, frontend.bands.hop_length)
            for clip in clips
        ]
        np.testing.assert_allclose(levels, expected, rtol=1e-4, atol=1e-5)


def test_leaf_keeps_learnt_parameters_within_their_limits(clips):
    frontend = Leaf(n_filters=7)
    params = trained(frontend)
    for i, (name, value) in enumerate(
        {
            "center": -0.1,
            "width": 1e4,
            "pooling_width": 0.9,
            "smoothing": 1.2,
            "alpha": 1.1,
            "root": 0.7,
        }.items()
    ):
        params[name][i] = value
    params["center"][6], params["width"][6], params["pooling_width"][6] = 3.3, 0.1, 1e-4
    levels = features(frontend, params, clips)
    expected = [published_leaf(clip, params, 401, 160) for clip in clips]
    np.testing.assert_allclose(levels, expected, rtol=1e-4, atol=1e-5)


def test_leaf_starts_from_mel_filters():
    params = start(Leaf())
    assert {k: v.shape for k, v in params.items()} == dict.fromkeys(params, (40,))
    bins = 2 * np.pi / 512
    # TensorFlow's mel: 1127 ln(1 + f / 700), triangles over mel. Both by hand for every filter.
    mel = 1127.0 * np.log(1 + np.arange(257) * SAMPLE_RATE / 512 / 700)
    edges = np.linspace(1127.0 * np.log(1 + 60 / 700), 1127.0 * np.log(1 + 7800 / 700), 42)
    for i in range(40):
        response = np.interp(mel, edges[i : i + 3], [0, 1, 0])
        assert params["center"][i] == pytest.approx(bins * response.argmax(), rel=1e-6)
        # Half of the root is a quarter of the filter.
        width = bins * (response >= response.max() / 4).sum()
        assert params["width"][i] == pytest.approx(2 * np.sqrt(2 * np.log(2)) / width, rel=1e-6)
    for name, value in {"pooling_width": 0.4, "smoothing": 0.04, "alpha": 0.96}.items():
        np.testing.assert_allclose(params[name], value, rtol=1e-6)
    np.testing.assert_array_equal([params["delta"], params["root"]], 2.0)
    axis = Leaf().bin_axis
    np.testing.assert_allclose(axis.values, params["center"] * SAMPLE_RATE / 2 / np.pi, rtol=1e-6)


# ---- SincNet


def published_sincnet(y: np.ndarray, params: dict, taps: int, pool: int) -> np.ndarray:
    """SincConv_fast of mravanelli/SincNet, |.| and max-pooling, one clip."""
    frames = (len(y) - taps + 1) // pool
    left = 0.54 - 0.46 * np.cos(2 * np.pi * np.linspace(0, taps / 2 - 1, taps // 2) / taps)
    time = np.arange(-(taps // 2), 0) / SAMPLE_RATE
    result = []
    for low_hz, band_hz in zip(params["low_hz"], params["band_hz"], strict=True):
        low = 50 + abs(float(low_hz))
        high = min(low + 50 + abs(float(band_hz)), SAMPLE_RATE / 2)
        half = (np.sin(2 * np.pi * high * time) - np.sin(2 * np.pi * low * time)) / (np.pi * time)
        half *= left
        kernel = np.concatenate([half, [2 * (high - low)], half[::-1]]) / (2 * (high - low))
        response = np.abs(correlate(y, kernel, 0, 0))[: frames * pool]
        result.append(response.reshape(frames, pool).max(axis=1))
    return np.stack(result, axis=1)


@pytest.mark.parametrize(
    "settings", [{}, {"kernel_size": 101, "pool_length": 5, "n_filters": 11}], ids=str
)
def test_sincnet_is_the_published_layer(clips, settings):
    frontend = SincNet(**settings)
    negative = trained(frontend)
    negative["low_hz"][3] *= -1
    for params in (start(frontend), negative):
        levels = features(frontend, params, clips)
        expected = [
            published_sincnet(clip, params, frontend.bands.kernel_size, frontend.bands.pool_length)
            for clip in clips
        ]
        np.testing.assert_allclose(levels, expected, rtol=0, atol=1e-5 * np.max(expected))


def test_sincnet_starts_at_equal_steps_of_mel():
    params = start(SincNet())
    edges = np.append(params["low_hz"], params["low_hz"][-1] + params["band_hz"][-1])
    assert edges[0] == pytest.approx(30)
    assert edges[-1] == pytest.approx(7900)
    np.testing.assert_allclose(np.diff(edges), params["band_hz"], rtol=1e-4)
    steps = np.diff(2595 * np.log10(1 + edges / 700))
    np.testing.assert_allclose(steps, steps.mean(), rtol=1e-3)


def test_sincnet_filters_stay_below_half_the_sample_rate(clips):
    frontend = SincNet(n_filters=2)
    params = {"low_hz": np.float32([9000, 7900]), "band_hz": np.float32([10, 0])}
    levels = features(frontend, params, clips)
    np.testing.assert_allclose(levels[..., 0], levels[..., 1], atol=1e-5)


# ---- Harmonic filters


@pytest.mark.parametrize("Q", [1.0, 0.6, 1.7])
def test_harmonic_filters_are_the_published_ones(clips, Q):  # noqa: N803
    frontend = Harmonic()
    levels = features(frontend, {"Q": np.float32(Q)}, clips)

    notes = 24 + np.arange(128) / 2
    bins = np.linspace(0, 8000, 257)
    filters = np.zeros((257, 128, 6))
    for band, note in enumerate(notes):
        for harmonic in range(1, 7):
            center = harmonic * 440 * 2 ** ((note - 69) / 12)
            bandwidth = (0.1079 * center + 24.7) / Q
            up = bins * 2 / bandwidth + 1 - 2 * center / bandwidth
            down = bins * -2 / bandwidth + 1 + 2 * center / bandwidth
            filters[:, band, harmonic - 1] = np.maximum(0, np.minimum(up, down))
    spectra = [
        librosa.stft(clip.astype(np.float64), n_fft=512, hop_length=256, pad_mode="reflect")
        for clip in clips
    ]
    energies = np.einsum("cbt,bfh->ctfh", np.abs(spectra) ** 2, filters)
    expected = 10 * np.log10(np.maximum(energies, 1e-10))
    assert levels.shape == (3, frontend.num_frames(4001), 128, 6) == expected.shape
    audible = expected > expected.max(axis=(1, 2, 3), keepdims=True) - 80
    np.testing.assert_allclose(levels[audible], expected[audible], rtol=0, atol=5e-3)
    # A filter between two bins hears nothing.
    assert (levels[:, :, energies.max(axis=(0, 1)) == 0] == -100).all()


def test_harmonic_bands_are_half_semitones_from_c1():
    frontend = Harmonic()
    assert (frontend.num_bins, frontend.num_channels) == (128, 6)
    values = frontend.bin_axis.values
    np.testing.assert_allclose(values[[0, 24, -1]], librosa.midi_to_hz([24, 36, 87.5]))
    assert Harmonic(n_harmonic=3, semitone_scale=1).num_bins == 76


# ---- All of them


@pytest.mark.parametrize(("name", "count"), [("leaf", 280), ("sincnet", 160), ("harmonic", 1)])
def test_number_of_parameters(name, count):
    params = start(create_frontend(name))
    assert sum(value.size for value in params.values()) == count
    assert {value.dtype for value in params.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("frontend", [SincNet(), Harmonic()], ids=["sincnet", "harmonic"])
def test_a_clip_without_a_frame_is_refused(frontend):
    with user_error("audio.too_short"):
        features(frontend, start(frontend), np.zeros((1, frontend.min_samples - 1)))


@pytest.mark.parametrize(
    "frontend",
    [
        Leaf(n_filters=3, win_length=41, hop_length=16, n_fft=64),
        SincNet(n_filters=3, kernel_size=31),
        Harmonic(n_fft=64, hop_length=32),
    ],
    ids=["leaf", "sincnet", "harmonic"],
)
def test_gradients_are_the_slopes(frontend):
    y = np.random.default_rng(0).normal(0, 0.1, (2, 200))
    with jax.enable_x64(True):
        params = {k: jnp.asarray(v, jnp.float64) for k, v in trained(frontend).items()}
        function = jax.jit(lambda params, y: frontend.apply({"params": params}, y))
        # Steps so small that no maximum changes its mind.
        check_grads(function, (params, y), order=1, modes=["rev"], eps=1e-7, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("leaf", {"n_filters": 0}),
        ("leaf", {"win_length": 0}),
        ("leaf", {"hop_length": 0}),
        ("leaf", {"fmax": 9000.0}),
        ("leaf", {"fmin": -1.0}),
        ("leaf", {"n_fft": 64}),
        ("sincnet", {"n_filters": 0}),
        ("sincnet", {"kernel_size": 250}),
        ("sincnet", {"pool_length": 0}),
        ("sincnet", {"min_low_hz": 8000.0}),
        ("sincnet", {"min_band_hz": 0.0}),
        ("harmonic", {"n_harmonic": 0}),
        ("harmonic", {"n_harmonic": 300}),
        ("harmonic", {"semitone_scale": 0}),
    ],
    ids=str,
)
def test_settings_out_of_range_are_named(name, settings):
    (setting,) = settings
    with user_error("argument.out_of_range", setting):
        start(create_frontend(name, **settings))
