"""Temperatures and thresholds, on tables of which the truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from random_predictions import make_table
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax
from scipy.stats import norm

from mgr_jax.decisions import Decider, Decisions, calibrate
from mgr_jax.evaluation import Predictions, Protocol, calibration_error
from mgr_jax.runs.told import (
    ENOUGH,
    NEVER,
    choose_thresholds,
    cross_fit,
    fit_temperature,
    highest_precision,
    score_answers,
    score_told,
    with_temperature,
)

SHARPER = 3.0


def overconfident(tracks=2000, classes=5, seed=0):
    """Tracks whose labels come from softmax(logits), and a model that is 3 x surer."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (tracks, classes))
    label = (softmax(logits, axis=1).cumsum(axis=1) < rng.random((tracks, 1))).sum(axis=1)
    return table_of(softmax(SHARPER * logits, axis=1), label), SHARPER * logits


def table_of(probabilities, label):
    count = len(label)
    return Predictions(
        track=np.array([f"track {i}" for i in range(count)]),
        start=np.zeros(count),
        end=np.ones(count),
        probabilities=probabilities,
        label=label,
        classes=tuple(f"class {i}" for i in range(probabilities.shape[1])),
        task="single_label" if label.ndim == 1 else "multi_label",
        split="validation",
        protocol=Protocol("dataset", origin="by track"),
    )


def test_the_temperature_is_that_of_a_reference_on_logits():
    table, logits = overconfident(400)
    rows = np.arange(len(logits))

    def loss(temperature):
        return -log_softmax(logits / temperature, axis=1)[rows, table.label].mean()

    expected = minimize_scalar(loss, bounds=(0.1, 10), method="bounded").x
    assert fit_temperature(table) == pytest.approx(expected, rel=1e-2)
    assert fit_temperature(overconfident()[0]) == pytest.approx(SHARPER, rel=0.1)


def test_the_temperature_of_tags_is_that_of_a_reference_on_logits():
    rng = np.random.default_rng(0)
    logits = rng.normal(-1, 1.5, (1000, 4))
    label = (rng.random(logits.shape) < expit(logits)).astype(int)

    def loss(temperature):
        return np.logaddexp(0, np.where(label, -1, 1) * SHARPER * logits / temperature).mean()

    expected = minimize_scalar(loss, bounds=(0.1, 10), method="bounded").x
    found = fit_temperature(table_of(expit(SHARPER * logits), label))
    assert found == pytest.approx(expected, rel=1e-2)
    assert found == pytest.approx(SHARPER, rel=0.1)


def test_a_calibrated_model_is_less_wrong_about_itself_and_answers_the_same():
    chosen_on, _ = overconfident(seed=1)
    table, _ = overconfident(seed=2)
    after = with_temperature(table, fit_temperature(chosen_on))
    before_error = calibration_error(table.label, table.probabilities)
    assert calibration_error(after.label, after.probabilities) < 0.3 * before_error
    assert (after.probabilities.argmax(axis=1) == table.probabilities.argmax(axis=1)).all()
    told = score_told(table, Decisions(track_temperature=SHARPER, clip_temperature=SHARPER))
    assert told["track"]["calibration_error"] < 0.3 * before_error
    assert told["track"]["coverage"][0] == 1


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
@pytest.mark.parametrize("precision", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("tracks", [40, 600])
def test_thresholds_reach_the_wanted_precision_where_they_were_chosen(task, precision, tracks):
    table = make_table(task, tracks=tracks, classes=4).by_track()
    if highest_precision(table) < precision:
        assert set(choose_thresholds(table, precision).values()) == {NEVER}
        return
    decisions = Decisions(thresholds=choose_thresholds(table, precision), precision=precision)
    scores = score_told(table, decisions)["track"]
    assert scores["precision"][0] >= precision
    assert scores["coverage"][0] > 0
    # As it is told of one track after the other.
    tell = Decider(table.classes, task, decisions).tell
    answers = [tell(row).told for row in table.probabilities]
    truth = np.eye(4)[table.label] if task == "single_label" else table.label
    right = [truth[i, table.classes.index(name)] for i, told in enumerate(answers) for name in told]
    assert len(right) == scores["told"]
    assert np.mean(right) == pytest.approx(scores["precision"][0])
    assert np.mean([bool(told) for told in answers]) == pytest.approx(scores["coverage"][0])


def test_classes_of_few_tracks_share_a_threshold():
    counts = np.array([ENOUGH, ENOUGH - 1, 5])
    label = np.repeat(np.arange(3), counts)
    rng = np.random.default_rng(0)
    probabilities = softmax(rng.normal(size=(len(label), 3)) + 2 * np.eye(3)[label], axis=1)
    chosen = choose_thresholds(table_of(probabilities, label), 0.8)
    assert chosen["class 1"] == chosen["class 2"] != chosen["class 0"]


def test_a_few_right_answers_do_not_show_a_high_precision():
    right = np.arange(6) % 3
    table = table_of(0.1 + 0.7 * np.eye(3)[right], right)
    assert highest_precision(table) == pytest.approx(7 / 8)
    assert set(choose_thresholds(table, 0.9).values()) == {NEVER}
    assert max(choose_thresholds(table, 0.85).values()) < 0.85


def test_equal_probabilities_are_told_together():
    label = np.array([0] * 12 + [1] * 4)
    table = table_of(np.tile([0.8, 0.2], (16, 1)), label)
    assert choose_thresholds(table, 0.7)["class 0"] == pytest.approx(0.8)
    assert choose_thresholds(table, 0.8)["class 0"] == NEVER


def test_cross_fitting_scores_every_track_by_what_others_chose():
    table, _ = overconfident(300)
    found = cross_fit(table, 0.8)
    assert found["log_loss"] == pytest.approx(
        score_told(table, Decisions(track_temperature=SHARPER))["track"]["log_loss"], rel=0.05
    )
    assert 0 < found["coverage"][0] < 1
    low, high = found["coverage"][1:]
    assert low < found["coverage"][0] < high
    # Labels that say nothing of the answers: on tracks that chose nothing, little is right.
    rng = np.random.default_rng(0)
    shuffled = replace(table, label=rng.permutation(table.label))
    assert cross_fit(shuffled, 0.0)["precision"][0] < 0.4
    assert cross_fit(table.select(np.arange(3)), 0.8)["told"] == 0


def test_tables_of_tags_have_an_interval_over_tracks():
    table = make_table("multi_label").by_track()
    found = score_told(table, Decisions())["track"]
    value, low, high = found["precision"]
    assert low < value < high
    assert found["told"] == int((table.probabilities >= 0.5).sum())
    none = score_told(table, Decisions(thresholds=dict.fromkeys(table.classes, NEVER)))["track"]
    assert none["precision"] == [None, None, None]
    assert none["coverage"][0] == 0
    unchanged = calibrate(table.probabilities, 1.0, "multi_label")
    np.testing.assert_array_equal(unchanged, table.probabilities)


def test_tags_that_are_all_right_are_no_certainty():
    """Of ten tracks with two tags each; the reference is Wilson's formula for ten of ten."""
    table = table_of(np.full((10, 2), 0.9, np.float32), np.ones((10, 2), np.uint8))
    found = score_answers(table, np.full(2, 0.5))
    share, low, high = found["precision"]
    assert (found["told"], share, high) == (20, 1, pytest.approx(1))
    assert low == pytest.approx(10 / (10 + norm.ppf(0.975) ** 2))
