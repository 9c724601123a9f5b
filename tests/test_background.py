"""What a clip sounds like in numbers, and the sounds that are made up to tell music from."""

import itertools

import numpy as np
import pytest
from scipy.fft import dct

from mgr_jax.background import STATISTICS, background_scores, sound_statistics
from mgr_jax.runs.background_sounds import KINDS, make_background
from mgr_jax.runs.fit_background import (
    Music,
    choose_threshold,
    fit_detector,
    fit_logistic,
    share_refused,
)

RATE = 12_000
FLATNESS, NEAR, PEAKS, SWELLS, LEVEL = 39, 41, 45, slice(47, 53), 53
TIME = np.arange(4 * RATE) / RATE
NOISE = 2000 * np.random.default_rng(0).standard_normal(len(TIME))


def statistics(sound):
    return sound_statistics(np.round(sound).astype(np.int16), RATE)


def test_statistics_of_noise_are_what_theory_says():
    found = statistics(NOISE)
    assert found.shape == (STATISTICS,)
    assert found.dtype == np.float32
    # The power of noise in a bin is exponentially distributed: the mean of its logarithm lies
    # Euler's constant below the logarithm of its mean.
    assert found[FLATNESS] == pytest.approx(-np.euler_gamma, abs=0.02)
    # Of a Hann window, the mean square is 3/8.
    assert found[LEVEL] == pytest.approx(
        20 * np.log10(2000 / 32768) + 10 * np.log10(3 / 8), abs=0.2
    )
    tone = statistics(3000 * np.sin(2 * np.pi * 440 * TIME) + 0.01 * NOISE)
    assert tone[FLATNESS] < -4
    assert tone[PEAKS] > found[PEAKS] + 1
    assert found[NEAR] < 0.7


def test_cepstra_are_those_of_scipy():
    size, hop = 1024, 512
    frames = np.lib.stride_tricks.sliding_window_view(np.round(NOISE) / 32768, size)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2 / (size**2 / 16)
    mel = np.linspace(2595 * np.log10(1 + 60 / 700), 2595 * np.log10(1 + 6000 / 700), 33)
    bins = np.round(700 * (10 ** (mel / 2595) - 1) * size / RATE).astype(int)
    bands = np.stack([power[:, a:b].sum(axis=1) for a, b in itertools.pairwise(bins)], 1)
    expected = dct(10 * np.log10(bands + 1e-10), norm="ortho", axis=1)[:, 1:14]
    found = statistics(NOISE)
    np.testing.assert_allclose(found[:13], expected.mean(axis=0), atol=1e-2)
    np.testing.assert_allclose(np.exp(found[13:26]) - 0.1, expected.std(axis=0), rtol=1e-2)


@pytest.mark.parametrize(("hertz", "band"), [(0.6, 0), (1.5, 1), (3, 2), (5, 3), (7.5, 4), (12, 5)])
def test_swells_are_found_where_they_are(hertz, band):
    found = statistics(NOISE * (1 + np.sin(2 * np.pi * hertz * TIME)))
    assert found[SWELLS].argmax() == band


def test_loudness_moves_the_level_and_nothing_else():
    loud, soft = statistics(2 * NOISE), statistics(0.2 * NOISE)
    assert loud[LEVEL] - soft[LEVEL] == pytest.approx(20, abs=0.01)
    loud[LEVEL] = soft[LEVEL] = 0
    np.testing.assert_allclose(loud, soft, atol=0.02)


@pytest.mark.parametrize("rate", [2000, 8000, 11025.0, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("samples", [1, 700, 50_000])
def test_any_clip_has_finite_statistics(rate, samples):
    rng = np.random.default_rng(0)
    for clip in (np.zeros(samples), rng.integers(-(2**15), 2**15, samples)):
        found = sound_statistics(clip.astype(np.int16), rate)
        assert found.shape == (STATISTICS,)
        assert np.isfinite(found).all()


def test_made_up_sounds_are_the_same_every_time_and_all_different():
    made = list(make_background(RATE, 1.0, 3 * len(KINDS)))
    again = list(make_background(RATE, 1.0, 3 * len(KINDS)))
    assert [kind for kind, _ in made] == 3 * list(KINDS)
    for (_, sound), (_, other) in zip(made, again, strict=True):
        np.testing.assert_array_equal(sound, other)
        assert (sound.dtype, sound.shape) == (np.int16, (RATE,))
    assert len({sound.tobytes() for _, sound in made}) == len(made)
    loud = [np.abs(sound.astype(int)).max() for kind, sound in made if kind != "silence"]
    assert min(loud) > 200
    silent = [np.abs(sound).max() for kind, sound in made if kind == "silence"]
    assert max(silent) <= 3
    assert [k for k, _ in make_background(RATE, 0.1, 4, kinds=("tone", "hum"))] == [
        "tone",
        "hum",
    ] * 2


def test_the_regression_is_that_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    inputs, truth = rng.normal(size=(300, 5)), rng.random(300) < 0.3
    inputs[truth] += 0.5
    weights, bias = fit_logistic(inputs, truth)
    # Its penalty counts against a sum over clips, ours against a mean of 1 over both classes.
    balanced = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum())
    reference = LogisticRegression(C=1 / 0.1, tol=1e-8).fit(inputs, truth, balanced)
    np.testing.assert_allclose(weights, reference.coef_[0], atol=1e-3)
    assert bias == pytest.approx(reference.intercept_[0], abs=1e-3)


def test_a_detector_finds_kinds_that_it_was_not_fitted_to():
    rng = np.random.default_rng(0)

    def chord(seed):
        rng = np.random.default_rng(seed)
        notes = 110 * 2 ** (rng.integers(0, 36, (16, 3)) / 12)  # four a second, of four tones each
        at = np.minimum((TIME * 4).astype(int), 15)
        tones = sum(
            np.sin(2 * np.pi * k * notes[at, i] * TIME) / k for i in range(3) for k in (1, 2, 3, 4)
        )
        return statistics(3000 * tones * np.exp(-3 * (TIME * 4 % 1)) + 10 * NOISE[::-1])

    music = np.stack([chord(i) for i in range(40)])
    kinds = ("noise", "babble", "hum", "silence")
    made = [statistics(s) for _, s in make_background(RATE, 4.0, 80, kinds=kinds)]
    heard = Music(music[:30], np.array([f"artist {i // 2}" for i in range(30)]))
    detector = fit_detector(heard, heard, np.stack(made))
    other = [statistics(s) for _, s in make_background(RATE, 4.0, 30, kinds=("clicks", "gusts"))]
    assert (background_scores(np.stack(other), detector) > detector["threshold"]).mean() > 0.9
    share, low, high = share_refused(Music(music[30:], np.arange(10).astype(str)), detector)
    assert share <= 0.1
    assert low <= share < high
    scores = rng.standard_normal(10_000)
    assert (scores > choose_threshold(scores)).mean() <= 0.01
    assert choose_threshold(scores[:10]) >= scores[:10].max()
