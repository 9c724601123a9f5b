"""What is told of probabilities: temperatures, thresholds, the wishes of a user, "undecided"."""

import numpy as np
import pytest
from errors import user_error
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_softmax, logit, softmax

from mgr_jax.decisions import UNDECIDED, Decider, Decisions, Rules, calibrate

CLASSES = ("blues", "jazz", "rock")
NONE, ALL = Decisions(), Rules()
NOTHING = np.zeros((1, 0), np.float32)


def answer(probabilities, task="single_label", decisions=NONE, rules=ALL):
    return Decider(CLASSES, task, decisions, rules).tell(np.array(probabilities, np.float32))


@given(
    st.lists(st.floats(-9, 9), min_size=2, max_size=6),
    st.floats(0.2, 8),
)
def test_temperature_divides_logits(logits, temperature):
    logits = np.array(logits)
    single = calibrate(softmax(logits).astype(np.float32), temperature, "single_label")
    np.testing.assert_allclose(single, softmax(logits / temperature), atol=1e-5)
    several = calibrate(expit(logits), temperature, "multi_label")
    np.testing.assert_allclose(several, expit(logits / temperature), atol=1e-5)


def test_certain_probabilities_stay_finite():
    found = calibrate(np.array([[1, 0, 0]], np.float32), 2.0, "single_label")
    np.testing.assert_allclose(found.sum(), 1, rtol=1e-6)
    assert found.argmax() == 0
    assert np.isfinite(calibrate(np.array([1, 0], np.float32), 3.0, "multi_label")).all()
    assert np.isfinite(log_softmax(found)).all()


def test_without_thresholds_the_most_probable_class_is_told():
    found = answer([0.2, 0.5, 0.3])
    assert (found.told, found.label, found.reason) == (("jazz",), "jazz", "")
    assert found.top(2) == [("jazz", 0.5), ("rock", pytest.approx(0.3))]
    found = answer([0.2, 0.6, 0.9], "multi_label")
    assert found.told == ("rock", "jazz")
    assert answer([0.2, 0.4, 0.1], "multi_label").label == UNDECIDED


def test_below_a_threshold_it_is_undecided():
    decisions = Decisions(thresholds={"jazz": 0.6})
    found = answer([0.2, 0.5, 0.3], decisions=decisions)
    assert (found.told, found.label, found.reason) == ((), UNDECIDED, "threshold")
    assert found.top(1) == [("jazz", 0.5)]
    assert answer([0.2, 0.6, 0.2], decisions=decisions).told == ("jazz",)
    assert answer([0.4, 0.3, 0.3], decisions=decisions).told == ("blues",)
    wanted = Rules(min_probability=0.45)
    assert answer([0.2, 0.5, 0.3], decisions=decisions, rules=wanted).told == ("jazz",)
    assert answer([0.4, 0.3, 0.3], decisions=decisions, rules=wanted).told == ()


def test_only_some_classes_are_told_with_the_probabilities_they_have():
    rules = Rules(("rock",)).fit(CLASSES)
    found = answer([0.2, 0.5, 0.3], rules=rules)
    assert (found.told, found.label) == ((), UNDECIDED)
    found = answer([0.2, 0.3, 0.5], rules=rules)
    assert found.told == ("rock",)
    assert found.probabilities.tolist() == pytest.approx([0.2, 0.3, 0.5])
    assert answer([0.9, 0.8, 0.7], "multi_label", rules=rules).told == ("rock",)


def test_a_child_implies_its_ancestors_and_a_parent_may_be_told_in_its_place():
    tree = {"blues": "rock", "rock": "popular", "jazz": "art", "art": "all", "popular": "all"}
    rules = Rules(genre_tree=tree).fit(CLASSES)
    found = answer([0.5, 0.2, 0.3], rules=rules)
    assert (found.told, found.implied) == (("blues",), ("rock", "popular", "all"))
    assert found.probabilities.tolist() == pytest.approx([0.5, 0.2, 0.8])
    found = answer([0.5, 0.2, 0.3], decisions=Decisions(thresholds={"blues": 0.6}), rules=rules)
    assert (found.told, found.implied) == (("rock",), ("popular", "all"))
    found = answer([0.9, 0.6, 0.1], "multi_label", rules=rules)
    assert set(found.told) == {"blues", "rock", "jazz"}
    assert found.implied == ("popular", "all", "art")
    assert answer([0.1, 0.1, 0.1], "multi_label", rules=rules).implied == ()


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), float("inf")])
def test_a_probability_is_from_0_to_1(value):
    with user_error("argument.out_of_range", "min_probability", value):
        Rules(min_probability=value)


def test_names_that_the_model_does_not_know_are_an_error():
    with user_error("unknown_name", "jaz", "jazz"):
        Rules(("jaz",)).fit(CLASSES)
    with user_error("genre_tree.wrong", "blues, jazz, rock"):
        Rules(genre_tree={"a": "b"}).fit(CLASSES)
    with user_error("genre_tree.wrong", "a < b < a"):
        Rules(genre_tree={"a": "b", "b": "a"})
    assert Rules(("Jazz", "ROCK")).fit(CLASSES).classes == ("jazz", "rock")
    Rules().fit(CLASSES)
    with user_error("argument.out_of_range", "classes is 'jazz'"):
        Rules("jazz")


def test_tracks_and_clips_have_temperatures_of_their_own():
    decider = Decider(CLASSES, "single_label", Decisions(clip_temperature=4, track_temperature=2))
    given = softmax([2.0, 1.0, 0.0])
    for level, temperature in (("track", 2), ("clip", 4)):
        found = decider.answer(given, NOTHING, level=level).probabilities
        np.testing.assert_allclose(found, softmax(np.array([2.0, 1, 0]) / temperature), rtol=1e-5)


def test_what_is_no_music_has_no_genre():
    from mgr_jax.background import STATISTICS

    weights = np.zeros(2 * STATISTICS)
    weights[0] = 1
    known = {
        "mean": np.zeros(STATISTICS), "scale": np.ones(STATISTICS), "weights": weights,
        "bias": 0.0, "threshold": 1.0,
    }  # fmt: skip
    decider = Decider(CLASSES, "single_label", Decisions(background=known))
    heard = np.zeros((3, STATISTICS))
    heard[:, 0] = 0, 5, 0.5
    assert decider.background(heard).tolist() == [False, True, False]
    sure = np.array([0.0, 1.0, 0.0])
    found = decider.answer(sure, heard)  # 5.5 / 3 on average
    assert (found.told, found.reason, found.implied) == ((), "background", ())
    assert found.label == UNDECIDED
    assert decider.answer(sure, heard[[0, 2]]).label == "jazz"


def test_sigmoids_and_their_inverse_agree_with_scipy():
    p = np.array([0.01, 0.3, 0.99])
    np.testing.assert_allclose(calibrate(p, 2.5, "multi_label"), expit(logit(p) / 2.5), rtol=1e-5)
