"""What a prediction says in words."""

import numpy as np
import pytest

from mgr_jax.decisions import Decider, Decisions, Rules
from mgr_jax.prediction.prediction import say

CLASSES = ("drums", "fast", "piano", "vocal")
PROBABILITIES = np.array([0.8, 0.4, 0.6, 0.1], np.float32)


def words(task, top=3, background=False, thresholds=None, **rules):
    decider = Decider(CLASSES, task, Decisions(thresholds=thresholds or {}), Rules(**rules))
    return say(decider.tell(PROBABILITIES, background=background), top)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "drums 80 %, piano 60 % (fast 40 %)"),
        # Tags are told by their own thresholds, and not where they are the most probable.
        (
            {"thresholds": {"piano": 0.7, "vocal": 0.1}},
            "drums 80 %, vocal 10 % (piano 60 %)",
        ),
        ({"min_probability": 0.4, "top": 1}, "drums 80 %, piano 60 %, fast 40 %"),
        ({"classes": ("fast",), "min_probability": 0.3}, "fast 40 % (drums 80 %, piano 60 %)"),
        ({"min_probability": 0.9}, "undecided (drums 80 %, piano 60 %, fast 40 %)"),
        (
            {"background": True, "top": 1},
            "undecided, does not sound like music (drums 80 %)",
        ),
        (
            {"genre_tree": {"drums": "rhythm", "piano": "keys"}, "top": 1},
            "drums 80 %, piano 60 %, so rhythm, keys",
        ),
    ],
)
def test_tags_that_are_told_stand_before_the_brackets(options, said):
    assert words("multi_label", **options) == said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "drums 80 % (piano 60 %, fast 40 %)"),
        ({"top": 1}, "drums 80 %"),
        ({"classes": ("fast",)}, "undecided (drums 80 %, piano 60 %, fast 40 %)"),
        ({"genre_tree": {"drums": "band"}, "top": 2}, "drums 80 %, so band (piano 60 %)"),
    ],
)
def test_one_genre_is_told_and_others_are_beside(options, said):
    assert words("single_label", **options) == said
