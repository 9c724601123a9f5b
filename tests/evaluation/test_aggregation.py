"""How segments become tracks, and repeats one result."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.special
from random_predictions import make_table

from mgr_jax.evaluation import (
    Predictions,
    Protocol,
    accuracy,
    evaluate,
    format_table,
    join_predictions,
    join_repeats,
    majority_baseline,
)

PROTOCOL = Protocol("dataset")


def from_logits(logits, task):
    """A table of 20 tracks with the probabilities of these logits [tracks, segments, classes]."""
    classes = logits.shape[-1]
    table = make_table(task, tracks=len(logits), segments=logits.shape[1], classes=classes)
    activation = scipy.special.softmax if task == "single_label" else scipy.special.expit
    axis = {"axis": -1} if task == "single_label" else {}
    return replace(table, probabilities=activation(logits, **axis).reshape(-1, classes))


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
def test_features_are_what_a_linear_layer_makes_of_the_mean_embedding(task):
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=(20, 3, 8))
    weights, bias = rng.normal(size=(8, 5)), rng.normal(size=5)
    segments = from_logits(embedding @ weights + bias, task)
    expected = from_logits(embedding.mean(axis=1, keepdims=True) @ weights + bias, task)
    found = segments.by_track("features").probabilities
    np.testing.assert_allclose(found, expected.probabilities, rtol=1e-4)
    assert np.abs(found - segments.by_track().probabilities).max() > 0.05
    np.testing.assert_allclose(expected.by_track("features").probabilities, found, rtol=1e-4)


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
def test_features_of_saturated_probabilities_are_finite(task):
    table = from_logits(np.tile([[[900.0, -900.0]], [[-900.0, 900.0]]], (1, 2, 1)), task)
    found = table.by_track("features").probabilities
    np.testing.assert_allclose(found, [[1, 0], [0, 1]], atol=1e-6)


def vote(rows, **changes):
    columns = {
        "track": ["a"] * len(rows),
        "start": np.arange(len(rows)),
        "end": np.arange(len(rows)) + 1,
        "probabilities": rows,
        "label": np.zeros(len(rows)),
        "classes": ("x", "y", "z"),
        "task": "single_label",
        "split": "test",
        "protocol": PROTOCOL,
    }
    return Predictions(**columns | changes).by_track("vote").probabilities[0]


def test_the_majority_of_segments_wins_however_sure_the_others_are():
    found = vote([[0.4, 0.3, 0.3], [0.4, 0.3, 0.3], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(found, np.array([2 + 0.8 / 3, 1 + 1.6 / 3, 0.2]) / 4, rtol=1e-6)
    assert found.sum() == pytest.approx(1)


def test_ties_of_votes_go_to_the_greater_mean():
    assert vote([[0.6, 0.4, 0.0], [0.0, 0.9, 0.1]]).argmax() == 1


def test_tags_are_voted_for_one_by_one():
    rows, multi = [[0.6, 0.9, 0.1], [0.6, 0.1, 0.2], [0.0, 0.3, 0.7]], {"task": "multi_label"}
    found = vote(rows, label=np.zeros((3, 3)), **multi)
    np.testing.assert_allclose(found, (np.array([2, 1, 1]) + np.mean(rows, axis=0)) / 4)
    assert (found >= 0.5).tolist() == [True, False, False]


def test_an_unknown_aggregation_is_refused_and_results_say_which_they_used():
    table = make_table("single_label")
    with pytest.raises(ValueError, match="choose from probabilities, vote, features"):
        table.by_track("median")
    result = evaluate(table, resamples=2, aggregation="vote")
    tracks = table.by_track("vote")
    expected = accuracy(tracks.label, tracks.probabilities)
    assert result["track"]["accuracy"][0] == pytest.approx(expected)
    assert result["aggregation"] == "vote"
    assert "tracks by vote of the segments" in format_table(result)


def repeats(task="single_label", count=4):
    return [make_table(task, seed=seed) for seed in range(count)]


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
def test_a_table_of_repeats_scores_the_mean_of_their_scores(task, tmp_path):
    # Each seed has labels of its own, as if it had drawn other tracks of the same names.
    tables = repeats(task)
    joined = join_repeats(tables, protocol=PROTOCOL)
    joined.save(tmp_path / "test.npz")
    joined = Predictions.load(tmp_path / "test.npz")
    assert len(joined.by_track().track) == 4 * 40
    single = [evaluate(table, resamples=2) for table in tables]
    result = evaluate(joined, resamples=200)
    assert (result["tracks"], result["segments"]) == (40, 480)
    for level in ("segment", "track"):
        for name, (value, low, high) in result[level].items():
            assert value == pytest.approx(np.mean([each[level][name][0] for each in single]))
            assert name == "calibration_error" or low <= value <= high
    for name, values in result["repeats"].items():
        assert values == pytest.approx([each["track"][name][0] for each in single])
    spread = np.std(result["repeats"]["macro_f1"], ddof=1)
    assert f"4 repeats, standard deviation {spread:.3f}" in format_table(result)
    assert "repeats" not in single[0]


def test_copies_of_a_run_do_not_narrow_its_interval():
    table = make_table("single_label")
    once = evaluate(table, resamples=300)
    thrice = evaluate(join_repeats([table] * 3, protocol=PROTOCOL), resamples=300)
    for level in ("segment", "track"):
        for name, numbers in once[level].items():
            assert thrice[level][name] == pytest.approx(numbers)


def test_a_resample_without_rows_of_a_repeat_is_scored_by_the_others():
    table = make_table("single_label", tracks=3)
    parts = [table.select(table.track == "track 0"), table.select(table.track != "track 0")]
    joined = join_repeats(parts, protocol=PROTOCOL)
    result = evaluate(joined, resamples=100)
    assert result["tracks"] == 3
    del result["track"]["calibration_error"]
    for numbers in result["track"].values():
        assert None not in numbers
    assert majority_baseline(joined, 0, resamples=10)["track"]["accuracy"][0] is not None


def test_joining_refuses_what_does_not_belong_together():
    table = make_table("single_label")
    joined = join_repeats([table, table], protocol=PROTOCOL)
    with pytest.raises(ValueError, match="hold repeats already"):
        join_repeats([joined, joined], protocol=PROTOCOL)
    with pytest.raises(ValueError, match="of several splits"):
        join_repeats([table, replace(table, split="validation")], protocol=PROTOCOL)
    with pytest.raises(ValueError, match="another task"):
        join_repeats([table, make_table("multi_label")], protocol=PROTOCOL)
    with pytest.raises(ValueError, match="numbered from 0"):
        replace(joined, repeat=joined.repeat - 1)


def test_folds_of_rows_may_share_tracks_but_not_segments():
    table = make_table("single_label")
    halves = [table.select(table.start < 8), table.select(table.start >= 8)]
    with pytest.raises(ValueError, match="a track stands in several"):
        join_predictions(halves, split="all", protocol=PROTOCOL)
    joined = join_predictions(halves, split="all", protocol=PROTOCOL, by_row=True)
    assert len(joined.track) == len(table.track)
    with pytest.raises(ValueError, match="a segment stands in several"):
        join_predictions([table, halves[0]], split="all", protocol=PROTOCOL, by_row=True)
