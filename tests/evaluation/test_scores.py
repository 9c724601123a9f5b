import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import sklearn.calibration
import sklearn.metrics as reference
from random_predictions import make_table

from mgr_jax import evaluation

CLASSES = 6


def reference_calibration(confidence, came_true):
    """From scikit-learn's calibration curve, and how much falls into each of its bins."""
    share, mean = sklearn.calibration.calibration_curve(came_true, confidence, n_bins=15)
    counts = np.histogram(confidence, np.linspace(0, 1, 16))[0]
    return np.abs(share - mean) @ counts[counts > 0] / len(confidence)


def reference_scores(table, repeat=None):
    """scikit-learn's values, of the rows repeated as often as `repeat` says."""
    rows = np.repeat(np.arange(len(table.label)), 1 if repeat is None else repeat)
    label, probabilities = table.label[rows], table.probabilities[rows]
    if table.task == "single_label":
        answer = probabilities.argmax(axis=1)
        names = np.arange(len(table.classes))
        return {
            "accuracy": reference.accuracy_score(label, answer),
            "macro_f1": reference.f1_score(label, answer, average="macro"),
            "top_3_accuracy": reference.top_k_accuracy_score(
                label, probabilities, k=3, labels=names
            ),
            "log_loss": reference.log_loss(label, probabilities, labels=names),
            "calibration_error": reference_calibration(probabilities.max(axis=1), label == answer),
        }
    both = [i for i in range(len(table.classes)) if len(np.unique(label[:, i])) == 2]
    pairs = [(label[:, i], probabilities[:, i]) for i in range(len(table.classes))]
    return {
        "roc_auc": np.mean([reference.roc_auc_score(*pairs[i]) for i in both]),
        "average_precision": np.mean([reference.average_precision_score(*pairs[i]) for i in both]),
        "macro_f1": reference.f1_score(
            label, probabilities >= 0.5, average="macro", zero_division=np.nan
        ),
        "log_loss": np.mean([reference.log_loss(*pair, labels=[0, 1]) for pair in pairs]),
        "calibration_error": reference_calibration(probabilities.ravel(), label.ravel()),
    }


def values(scores):
    return {name: numbers[0] for name, numbers in scores.items()}


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scores_equal_scikit_learn_at_both_levels(task, seed):
    table = make_table(task, seed=seed)
    result = evaluation.evaluate(table, resamples=2)
    assert values(result["segment"]) == pytest.approx(reference_scores(table), rel=1e-6)
    assert values(result["track"]) == pytest.approx(reference_scores(table.by_track()), rel=1e-6)


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
def test_a_weight_means_that_a_row_is_there_so_often(task):
    table = make_table(task)
    counts = np.random.default_rng(3).integers(0, 4, size=(5, len(table.label)))
    args = (table.label, table.probabilities)
    if task == "single_label":
        scores = {
            "accuracy": evaluation.accuracy(*args, counts),
            "macro_f1": evaluation.macro_f1(*args, counts),
            "top_3_accuracy": evaluation.top_k_accuracy(*args, 3, counts),
            "log_loss": evaluation.log_loss(*args, counts),
            "calibration_error": evaluation.calibration_error(*args, counts),
        }
    else:
        names = ("roc_auc", "average_precision", "macro_f1", "log_loss", "calibration_error")
        scores = {name: getattr(evaluation, name)(*args, counts) for name in names}
    for i, repeat in enumerate(counts):
        found = {name: score[i] for name, score in scores.items()}
        assert found == pytest.approx(reference_scores(table, repeat), rel=1e-6)


def test_metrics_without_weights_give_one_number():
    table = make_table("single_label")
    found = evaluation.macro_f1(table.label, table.probabilities)
    assert found == pytest.approx(reference_scores(table)["macro_f1"])


def test_macro_f1_ignores_classes_that_never_occur():
    label, probabilities = np.array([0, 0, 1]), np.eye(5)[[0, 1, 1]]
    expected = reference.f1_score(label, [0, 1, 1], average="macro")
    assert evaluation.macro_f1(label, probabilities) == pytest.approx(expected)


def test_log_loss_of_a_certain_error_is_large_but_finite():
    label, probabilities = np.array([0, 1]), np.array([[0, 1], [0, 1]], np.float32)
    expected = reference.log_loss(label, probabilities)
    assert evaluation.log_loss(label, probabilities) == pytest.approx(expected, rel=1e-6)


def test_classes_with_one_kind_of_label_are_left_out_and_named():
    table = make_table("multi_label")
    label = table.label.copy()
    label[:, 1], label[:, 4] = 0, 1
    table = replace(table, label=label)
    result = evaluation.evaluate(table, resamples=50)
    assert result["left_out"] == ["class 1", "class 4"]
    assert values(result["track"]) == pytest.approx(reference_scores(table.by_track()), rel=1e-6)
    only = replace(table, label=np.ones_like(label))
    result = evaluation.evaluate(only, resamples=50)
    assert result["track"]["roc_auc"] == [None, None, None]
    json.dumps(result, allow_nan=False)


def test_top_k_depends_on_the_number_of_classes():
    names = [
        set(evaluation.evaluate(make_table("single_label", classes=n), resamples=2)["track"])
        - {"accuracy", "macro_f1", "log_loss", "calibration_error"}
        for n in (2, 3, 8)
    ]
    assert names == [set(), {"top_2_accuracy"}, {"top_3_accuracy"}]
    table = make_table("single_label").by_track()
    found = evaluation.evaluate(table, resamples=2, top_k=5)["track"]["top_5_accuracy"][0]
    expected = reference.top_k_accuracy_score(table.label, table.probabilities, k=5)
    assert found == pytest.approx(expected)
    with pytest.raises(ValueError, match="use 2 to 5"):
        evaluation.evaluate(table, top_k=6)


def test_decisions_without_probabilities_have_no_scores_of_probabilities():
    table = make_table("single_label")
    answers = np.eye(CLASSES)[table.probabilities.argmax(axis=1)]
    decided = replace(table, probabilities=answers)
    result = evaluation.evaluate(decided, resamples=2)
    for level in ("segment", "track"):  # the shares of a track's segments are no probabilities
        assert set(result[level]) == {"accuracy", "macro_f1"}
    expected = evaluation.evaluate(table, resamples=2)["segment"]["accuracy"]
    assert result["segment"]["accuracy"] == expected


def test_reliability_says_what_was_answered_and_what_came_true():
    label = np.array([0, 1, 1, 0])
    probabilities = np.array([[0.9, 0.1], [0.88, 0.12], [0.4, 0.6], [0.5, 0.5]])
    found = evaluation.reliability(label, probabilities, bins=4)
    assert found["count"].tolist() == [0, 1, 1, 2]  # bins hold their upper edges
    np.testing.assert_allclose(found["confidence"], [np.nan, 0.5, 0.6, 0.89])
    np.testing.assert_allclose(found["frequency"], [np.nan, 1, 1, 0.5])
    error = evaluation.calibration_error(label, probabilities, bins=4)
    assert error == pytest.approx((0.5 + 0.4 + 2 * 0.39) / 4)


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
def test_result_is_repeatable_json_with_counts_and_intervals_around_the_value(task):
    table = make_table(task)
    result = evaluation.evaluate(table, resamples=200, seed=7)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result == evaluation.evaluate(table, resamples=200, seed=7)
    assert result != evaluation.evaluate(table, resamples=200, seed=8)
    assert (result["tracks"], result["segments"]) == (40, 120)
    assert (result["split"], result["task"]) == ("test", task)
    assert evaluation.Protocol.from_dict(result["protocol"]) == table.protocol
    for level in ("segment", "track"):
        assert result[level].pop("calibration_error")[1:] == [None, None]
        for value, low, high in result[level].values():
            assert low <= value <= high


def test_interval_equals_scipys_bootstrap_over_tracks():
    table = make_table("single_label", tracks=60, segments=4)
    hits = table.probabilities.argmax(axis=1) == table.label
    expected = scipy.stats.bootstrap(
        (hits.reshape(60, 4).mean(axis=1),),
        np.mean,
        n_resamples=5000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    _, low, high = evaluation.evaluate(table, resamples=5000)["segment"]["accuracy"]
    assert (low, high) == pytest.approx(expected, abs=0.005)


def test_copies_of_a_segment_do_not_narrow_the_interval():
    table = make_table("single_label", segments=1)
    ten = np.repeat(np.arange(40), 10)
    copied = replace(
        table,
        **{n: getattr(table, n)[ten] for n in ("track", "start", "end", "probabilities", "label")},
    )
    once, tenfold = (evaluation.evaluate(t, resamples=300)["segment"] for t in (table, copied))
    for name in once:
        assert tenfold[name] == pytest.approx(once[name])


def test_resampling_in_parts_changes_nothing(monkeypatch):
    table = make_table("single_label")
    whole = evaluation.evaluate(table, resamples=100)
    monkeypatch.setattr("mgr_jax.evaluation.bootstrap._WEIGHTS_AT_ONCE", 1000)
    parts = evaluation.evaluate(table, resamples=100)
    for name, numbers in whole["segment"].items():
        np.testing.assert_allclose(*np.array([parts["segment"][name], numbers], float), rtol=1e-12)


def test_what_metrics_take_of_rows_is_computed_once_however_many_resamples(monkeypatch):
    calls = []
    decide = evaluation.metrics.decide
    monkeypatch.setattr(evaluation.metrics, "decide", lambda *x: calls.append(1) or decide(*x))
    monkeypatch.setattr(evaluation.bootstrap, "_WEIGHTS_AT_ONCE", 240)  # two resamples
    table = make_table("single_label")
    evaluation.evaluate(table, resamples=2)
    few = len(calls)
    evaluation.evaluate(table, resamples=50)
    assert len(calls) == 2 * few


def test_one_track_has_scores_but_no_interval():
    result = evaluation.evaluate(make_table("single_label", tracks=1), resamples=10)
    value, low, high = result["segment"]["log_loss"]
    assert value > 0
    assert low is high is None


@pytest.mark.parametrize("options", [{"resamples": 0}, {"confidence": 1.0}, {"confidence": 95}])
def test_options_without_an_interval_are_refused(options):
    with pytest.raises(ValueError, match="give no interval"):
        evaluation.evaluate(make_table("single_label"), **options)


def test_majority_baseline_is_the_share_of_that_class():
    table = make_table("single_label")
    result = evaluation.majority_baseline(table, 2, resamples=100)
    answer = np.full(len(table.label), 2)
    expected = {
        "accuracy": reference.accuracy_score(table.label, answer),
        "macro_f1": reference.f1_score(table.label, answer, average="macro"),
    }
    assert values(result["segment"]) == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"use 0\.\.5"):
        evaluation.majority_baseline(table, 6)
    with pytest.raises(ValueError, match="needs a single_label table"):
        evaluation.majority_baseline(make_table("multi_label"), 0)


def test_the_majority_beside_a_table_is_scored_as_for_itself():
    table = make_table("single_label")
    options = {"resamples": 300, "seed": 3}
    beside = evaluation.evaluate(table, majority_class=2, aggregation="vote", **options)
    alone = {"class": "class 2"} | evaluation.majority_baseline(table, 2, **options)
    assert beside.pop("majority") == alone
    assert beside == evaluation.evaluate(table, aggregation="vote", **options)


def test_tables_of_other_tracks_are_not_resampled_together():
    one, two = make_table("single_label"), make_table("single_label", tracks=39)
    tables = [(lambda weights: {}, table.track) for table in (one, two)]
    with pytest.raises(ValueError, match="other groups"):
        evaluation.bootstrap.bootstrap_tables(tables)


def test_confusion_matrix_equals_scikit_learn():
    table = make_table("single_label", tracks=10)
    answer = table.probabilities.argmax(axis=1)
    expected = reference.confusion_matrix(table.label, answer, labels=range(CLASSES))
    np.testing.assert_array_equal(evaluation.confusion_matrix(table), expected)


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
def test_per_class_equals_scikit_learn(task):
    table = make_table(task)
    answer = table.probabilities >= 0.5
    if task == "single_label":
        answer = table.probabilities.argmax(axis=1)
    expected = reference.precision_recall_fscore_support(
        table.label, answer, labels=range(CLASSES), zero_division=np.nan
    )
    rows = evaluation.per_class(table)
    assert [row["class"] for row in rows] == list(table.classes)
    for row, precision, recall, f1, support in zip(rows, *expected, strict=True):
        found = (row["precision"], row["recall"][0], row["f1"], row["support"])
        assert found == pytest.approx((precision, recall, f1, support))


def test_per_class_interval_is_scipys_wilson_interval_over_tracks():
    table = make_table("single_label")
    for row in evaluation.per_class(table.by_track(), confidence=0.9):
        hits = round(row["recall"][0] * row["support"])
        test = scipy.stats.binomtest(hits, row["support"])
        expected = test.proportion_ci(confidence_level=0.9, method="wilson")
        assert row["recall"][1:] == pytest.approx([expected.low, expected.high])
    by_segment, by_track = evaluation.per_class(table)[0], evaluation.per_class(table.by_track())[0]
    assert by_segment["support"] == 3 * by_track["support"]
    trials = by_track["support"]
    expected = evaluation.wilson_interval(by_segment["recall"][0], trials)
    assert by_segment["recall"][1:] == pytest.approx(expected)


def test_per_class_says_none_where_nothing_is_defined():
    table = replace(
        make_table("single_label", tracks=2, segments=1),
        label=np.array([0, 0]),
        probabilities=np.eye(CLASSES)[[0, 1]],
    )
    rows = evaluation.per_class(table)
    assert rows[1]["recall"] == [None, None, None]
    assert rows[1]["precision"] == rows[1]["f1"] == 0
    assert rows[2]["precision"] is rows[2]["f1"] is None
    json.dumps(rows, allow_nan=False)
