"""Two predictions tables of the same tracks."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from random_predictions import make_table

from mgr_jax.evaluation import Protocol, evaluate, join_repeats, mcnemar, paired_difference

PROTOCOL = Protocol("dataset")


def answering(right, classes=4):
    """A table of a track per entry, right where it says so, in an order of its own."""
    right = np.asarray(right)
    label = np.arange(len(right)) % classes
    table = make_table("single_label", tracks=len(right), segments=1, classes=classes)
    answers = np.eye(classes)[np.where(right, label, (label + 1) % classes)]
    return replace(table, label=label, probabilities=answers)


def pair(only_a, only_b, both=30, neither=20):
    a = np.repeat([True, False, True, False], [only_a, only_b, both, neither])
    b = np.repeat([False, True, True, False], [only_a, only_b, both, neither])
    order = np.random.default_rng(0).permutation(len(b))
    return answering(a), answering(b).select(order)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 5), (5, 1), (12, 12), (3, 21)])
def test_mcnemar_of_few_pairs_is_scipys_binomial_test(only_a, only_b):
    found = mcnemar(*pair(only_a, only_b))
    differ = only_a + only_b
    expected = scipy.stats.binomtest(only_a, differ).pvalue if differ else 1
    assert found["p"] == pytest.approx(expected)
    assert found["test"] == "exact binomial"
    assert (found["only_a"], found["only_b"]) == (only_a, only_b)


@pytest.mark.parametrize(("only_a", "only_b"), [(12, 13), (25, 25), (59, 6), (121, 59)])
def test_mcnemar_of_many_pairs_is_chi_squared_with_correction(only_a, only_b):
    found = mcnemar(*pair(only_a, only_b))
    statistic = max(0, abs(only_a - only_b) - 1) ** 2 / (only_a + only_b)
    assert found["p"] == pytest.approx(scipy.stats.chi2.sf(statistic, df=1))
    assert found["test"] == "chi-squared with continuity correction"


def test_mcnemar_refuses_what_it_cannot_pair():
    table = make_table("single_label")
    with pytest.raises(ValueError, match="one row per track"):
        mcnemar(table, table)
    tracks = table.by_track()
    with pytest.raises(ValueError, match="one row per track"):
        mcnemar(tracks, join_repeats([tracks, tracks], protocol=PROTOCOL))
    with pytest.raises(ValueError, match="not of the same tracks"):
        mcnemar(tracks, tracks.select([0, 1]))
    with pytest.raises(ValueError, match="different labels"):
        mcnemar(tracks, replace(tracks, label=(tracks.label + 1) % 6))
    with pytest.raises(ValueError, match="single_label"):
        mcnemar(make_table("multi_label"), make_table("multi_label"))


def test_difference_in_accuracy_has_scipys_paired_interval():
    a, b = pair(20, 6, both=90, neither=34)
    difference = np.repeat([1, -1, 0], [20, 6, 124])
    expected = scipy.stats.bootstrap(
        (difference,),
        np.mean,
        n_resamples=5000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    value, low, high = paired_difference(a, b, "accuracy", resamples=5000)
    assert value == pytest.approx(14 / 150)
    assert (low, high) == pytest.approx(expected, abs=0.01)
    # Unpaired, the intervals of these two overlap.
    above = evaluate(a)["track"]["accuracy"][1]
    below = evaluate(b)["track"]["accuracy"][2]
    assert above < below
    assert low > 0


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
def test_difference_is_that_of_the_scores_and_turns_its_sign(task):
    a, b = make_table(task, seed=0), make_table(task, seed=1)
    b = replace(b, label=a.label).select(np.random.default_rng(0).permutation(len(b.track)))
    scores = [evaluate(table, resamples=2)["segment"] for table in (a, b)]
    for metric in scores[0]:
        value, low, high = paired_difference(a, b, metric, resamples=100)
        assert value == pytest.approx(scores[0][metric][0] - scores[1][metric][0])
        assert low <= value <= high
        turned = paired_difference(b, a, metric, resamples=100)
        assert turned == pytest.approx([-value, -high, -low])
    assert paired_difference(a, a, "macro_f1", resamples=100) == [0, 0, 0]


def test_tables_may_hold_other_segments_and_repeats_of_the_same_tracks():
    a, b = make_table("single_label"), make_table("single_label", seed=1)
    b = replace(b, label=a.label)
    three = join_repeats([b, b, b], protocol=PROTOCOL)
    once, thrice = (paired_difference(a, x, "accuracy", resamples=100) for x in (b, three))
    assert thrice == pytest.approx(once)
    value, _, _ = paired_difference(a, b.by_track(), "accuracy", resamples=10)
    expected = (
        evaluate(a, resamples=2)["segment"]["accuracy"][0]
        - evaluate(b, resamples=2)["track"]["accuracy"][0]
    )
    assert value == pytest.approx(expected)


def test_difference_refuses_other_tracks_and_metrics_that_are_not_there():
    table = make_table("single_label")
    assert paired_difference(table, table, "top_5_accuracy", resamples=2)[0] == 0
    with pytest.raises(ValueError, match="there is no roc_auc in both tables"):
        paired_difference(table, table, "roc_auc")
    with pytest.raises(ValueError, match="not of the same tracks"):
        paired_difference(table, table.select(table.track != "track 0"), "accuracy")
    decided = replace(table, probabilities=np.eye(6)[table.label])
    with pytest.raises(ValueError, match="there is no log_loss"):
        paired_difference(table, decided, "log_loss")
