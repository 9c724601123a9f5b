import csv
import sys

import librosa
import numpy as np
import pytest
import soundfile
from errors import user_error
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mgr_jax.baselines.classical import fit_svm
from mgr_jax.features.mfcc_statistics import mfcc_statistics

SAMPLE_RATE = 8000


def make_clip(kind, seed):
    """Half a second of a tone, a decaying square wave or noise."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    wave = np.sin(2 * np.pi * rng.uniform(200, 1000) * seconds)
    clip = (wave, np.sign(wave) * np.exp(-20 * (seconds % 0.25)), rng.normal(size=len(seconds)))
    return (0.3 * clip[kind] + 0.01 * rng.normal(size=len(seconds))).astype(np.float32)


@pytest.fixture(scope="module")
def tones():
    labels = np.arange(36) % 3
    clips = [make_clip(kind, seed) for seed, kind in enumerate(labels)]
    return np.stack([mfcc_statistics(clip, SAMPLE_RATE) for clip in clips]), labels


def random_table(rows=90, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, rows)
    return rng.normal(size=(rows, 6)) + 0.8 * np.eye(6)[labels], labels


def test_statistics_are_those_of_librosas_mfcc():
    clip = make_clip(1, 0)
    frames = librosa.feature.mfcc(y=clip, sr=SAMPLE_RATE, n_mfcc=20)
    steps = np.diff(frames, axis=1)
    found = mfcc_statistics(clip, SAMPLE_RATE)
    assert found.shape == (80,)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:20], frames.mean(axis=1), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found[40:60], frames.std(axis=1), rtol=1e-4, atol=1e-3)
    expected = steps.sum(axis=1) / frames.shape[1]
    np.testing.assert_allclose(found[20:40], expected, rtol=1e-4, atol=1e-3)


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
@pytest.mark.parametrize("samples", [1, 511, 2048])
def test_short_and_silent_clips_have_finite_statistics(samples):
    for clip in (np.zeros(samples, np.float32), make_clip(2, 0)[:samples]):
        assert np.isfinite(mfcc_statistics(clip, SAMPLE_RATE)).all()


@pytest.mark.parametrize("shape", [(0,), (2, 4000)])
def test_what_is_not_a_waveform_is_refused(shape):
    with pytest.raises(ValueError, match="expected \\[samples\\]"):
        mfcc_statistics(np.zeros(shape, np.float32), SAMPLE_RATE)


def test_statistics_match_the_published_gtzan_table(shared_dir):
    # That table was computed by an older librosa with reflected edges: the first and last frames
    # differ, and over 1,290 frames that leaves the second decimal.
    with open(shared_dir / "data" / "gtzan_features_30_sec_dev.csv", newline="") as file:
        rows = {row["filename"].removesuffix(".wav"): row for row in csv.DictReader(file)}
    for track in ("blues.00000", "metal.00000", "pop.00007"):
        path = shared_dir / "data" / "gtzan_audio_dev" / track.split(".")[0] / f"{track}.flac"
        found = mfcc_statistics(*soundfile.read(path, dtype="float32"))
        published = [
            [float(rows[track][f"mfcc{i}_{name}"]) for i in range(1, 21)]
            for name in ("mean", "var")
        ]
        np.testing.assert_allclose(found[:20], published[0], atol=0.1)
        np.testing.assert_allclose(found[40:60], np.sqrt(published[1]), atol=0.1)


def test_svm_tells_tones_from_noise(tones):
    features, labels = tones
    svm = fit_svm(features[:24], labels[:24], num_classes=3)
    probabilities = svm.predict(features[24:])
    np.testing.assert_array_equal(probabilities.argmax(axis=1), labels[24:])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert probabilities.dtype == np.float32


@pytest.mark.parametrize("groups", [None, np.arange(90) // 3])
def test_fitting_again_gives_the_same_predictions(groups):
    features, labels = random_table()
    first, second = (
        fit_svm(features, labels, num_classes=3, groups=groups, seed=1).predict(features)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_penalty_is_chosen_on_folds_that_keep_groups_whole():
    features, labels = random_table()
    groups = [f"artist {i // 3}" for i in range(90)]
    svm = fit_svm(features, labels, num_classes=3, groups=groups)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), SVC()),
        {"svc__C": [0.1, 1, 10, 100]},
        cv=StratifiedGroupKFold(5, shuffle=True, random_state=0),
    ).fit(features, labels, groups=groups)
    assert svm.folds == 5
    assert svm.penalty == search.best_params_["svc__C"]
    assert svm.fold_accuracy == pytest.approx(search.best_score_)


def test_groups_take_away_the_gain_from_near_copies():
    # Labels are noise, and every group is one point five times over: only memory can score.
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(40, 6)), 5, axis=0) + 0.01 * rng.normal(size=(200, 6))
    labels, groups = np.repeat(np.arange(40) % 2, 5), np.repeat(np.arange(40), 5)
    assert fit_svm(features, labels, num_classes=2).fold_accuracy > 0.9
    assert fit_svm(features, labels, num_classes=2, groups=groups).fold_accuracy < 0.7


def test_a_class_absent_in_training_has_probability_zero():
    features, labels = random_table(classes=2)
    probabilities = fit_svm(features, labels * 2, num_classes=4).predict(features)
    assert probabilities.shape == (90, 4)
    assert (probabilities[:, [1, 3]] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_few_groups_of_a_class_mean_fewer_folds_and_one_is_an_error():
    features, labels = random_table()
    groups = np.arange(90)
    groups[labels == 1] = 1000 + np.arange((labels == 1).sum()) % 2
    assert fit_svm(features, labels, num_classes=3, groups=groups).folds == 2
    groups[labels == 1] = 1000
    with user_error("split.too_few_groups", "class 1", "1 group(s)"):
        fit_svm(features, labels, num_classes=3, groups=groups)
    with user_error("data.one_genre", "1 class"):
        fit_svm(features, labels * 0, num_classes=3)


def test_missing_scikit_learn_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with user_error("package.missing", "pip install 'mgr-jax[tables]'"):
        fit_svm(*random_table(), num_classes=3)
