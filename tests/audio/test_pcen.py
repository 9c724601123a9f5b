"""PCEN against librosa, and its learnable form against the published formula."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal
from errors import user_error
from jax.test_util import check_grads

from mgr_jax.audio.dsp.level import _in_a_loop, _in_a_tree, moving_average, pcen, spcen

FRAMES = {"sample_rate": 22050, "hop_length": 512}
LEARNT = {
    "smoothing": np.array([0.04, 0.3, 1.0]),
    "alpha": np.array([0.96, 0.5, 0.8]),
    "delta": np.array([2.0, 0.1, 5.0]),
    "root": np.array([2.0, 4.0, 1.0]),
}


@pytest.fixture(scope="module")
def energies() -> np.ndarray:
    """Noise that starts after silence, and a decay; [2, 301, 3]."""
    noise = np.random.default_rng(0).gamma(0.5, size=(301, 3))
    noise[:100] = 0
    decay = np.exp(-np.arange(301) / [[3.0], [30.0], [300.0]]).T
    return np.stack([noise, decay]).astype(np.float32)


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"time_constant": 2.0},
        {"gain": 0.8, "bias": 10.0, "power": 0.25},
        {"eps": 1e-3},
        {"gain": 0.0},
        {"power": 0.0},
        {"bias": 0.0},
        {"bias": 0.0, "power": 1.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("scale", [1, 2**31])
def test_equals_librosa(energies, settings, scale):
    levels = jax.jit(lambda x: pcen(x, **FRAMES, **settings))(scale * energies)
    assert levels.dtype == jnp.float32
    for level, clip in zip(levels, energies, strict=True):
        expected = librosa.pcen(
            scale * clip.T.astype(np.float64), sr=22050, hop_length=512, **settings
        )
        np.testing.assert_allclose(level, expected.T, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("form", [_in_a_loop, _in_a_tree])
def test_both_forms_of_the_average_are_scipys_filter(energies, form):
    start = np.array([1.0, 0.0, 7.0])
    average = form(*map(jnp.float32, (energies, LEARNT["smoothing"], np.tile(start, (2, 1)))))
    for i, b in enumerate(LEARNT["smoothing"]):
        past = np.full((2, 1), (1 - b) * start[i])
        expected, _ = scipy.signal.lfilter([b], [1, b - 1], energies[..., i], axis=1, zi=past)
        np.testing.assert_allclose(average[..., i], expected, rtol=1e-5, atol=1e-7)


def test_the_average_can_start_at_the_first_frame():
    x = jnp.array([[[3.0], [1.0], [0.0]]])
    np.testing.assert_allclose(moving_average(x, 0.5, initial="first")[0, :, 0], [3, 2, 1])
    np.testing.assert_allclose(moving_average(x, 0.5, initial=1.0)[0, :, 0], [2, 1.5, 0.75])


@pytest.mark.parametrize(("platform", "loops"), [("cpu", True), ("cuda", False)])
def test_only_a_cpu_goes_through_the_frames_one_by_one(platform, loops):
    function = jax.jit(lambda x: moving_average(x, 0.1, initial=1.0))
    exported = jax.export.export(function, platforms=[platform])(jnp.ones((2, 50, 3)))
    assert ("stablehlo.while" in exported.mlir_module()) == loops


def published_spcen(energies, smoothing, alpha, delta, root, floor):
    level, result = energies[:, 0], []
    for now in energies.swapaxes(0, 1):
        level = (1 - smoothing) * level + smoothing * now
        adapted = now / (floor + level) ** alpha
        result.append((adapted + delta) ** (1 / root) - delta ** (1 / root))
    return np.stack(result, axis=1)


def test_learnable_form_is_the_published_formula(energies):
    levels = spcen(energies, floor=1e-6, **{k: jnp.float32(v) for k, v in LEARNT.items()})
    expected = published_spcen(energies.astype(np.float64), floor=1e-6, **LEARNT)
    np.testing.assert_allclose(levels, expected, rtol=1e-4, atol=1e-6)


def test_learnt_settings_out_of_range_count_as_its_end(energies):
    beyond = {"smoothing": 1.5, "alpha": 1.2, "delta": -1.0, "root": 0.5}
    at_end = {"smoothing": 1.0, "alpha": 1.0, "delta": 1e-6, "root": 1.0}
    levels = spcen(energies, floor=1e-6, **beyond)
    np.testing.assert_array_equal(levels, spcen(energies, floor=1e-6, **at_end))
    slopes = jax.grad(lambda p: spcen(energies, floor=1e-6, **p).sum())(beyond)
    assert np.isfinite(list(slopes.values())).all()


def test_gradients_are_the_slopes():
    inside = {k: np.where(v == 1.0, 1.3 if k == "root" else 0.7, v) for k, v in LEARNT.items()}
    x = np.random.default_rng(0).gamma(2.0, size=(2, 20, 3))
    with jax.enable_x64(True):
        check_grads(lambda x, p: spcen(x, floor=1e-6, **p), (x, inside), order=1, modes=["rev"])
        check_grads(lambda x: pcen(x, **FRAMES), (x,), order=1, modes=["rev"])
        for form in (_in_a_loop, _in_a_tree):
            check_grads(jax.jit(form), (x, inside["smoothing"], x[:, 0]), order=1, modes=["rev"])


@pytest.mark.parametrize("settings", [{}, {"power": 0.0}, {"bias": 0.0}], ids=str)
def test_silence_has_a_finite_gradient(settings):
    silence = jnp.zeros((1, 50, 3))
    assert np.isfinite(pcen(silence, **FRAMES, **settings)).all()
    gradient = jax.grad(lambda x: pcen(x, **FRAMES, **settings).sum())(silence)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("settings", [{}, {"bias": 0.0}], ids=str)
def test_a_broken_frame_spoils_its_own_clip_only(energies, settings):
    broken = energies.copy()
    broken[0, 200] = np.nan
    levels = pcen(broken, **FRAMES, **settings)
    assert np.isnan(levels[0, 200:]).all()
    np.testing.assert_array_equal(levels[1], pcen(energies, **FRAMES, **settings)[1])


@pytest.mark.parametrize(
    "change",
    [{"gain": -1}, {"bias": -1}, {"power": -1}, {"time_constant": 0}, {"eps": 0}, {"initial": "f"}],
    ids=str,
)
def test_settings_out_of_range_are_named(energies, change):
    (name,) = change
    with user_error("argument.out_of_range", f"pcen: {name}"):
        pcen(energies, **FRAMES, **change)
