"""What leaking is worth, in numbers that follow from the tables."""

import numpy as np
import pytest
from errors import user_error

from mgr_jax.evaluation import Predictions, Protocol
from mgr_jax.leakage.inflation import choose_metric, inflation, inflation_rows


def table(right: float, seed: int = 0) -> Predictions:
    """40 tracks of 4 segments and two classes; `right` of the segments are answered correctly."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(40) % 2, 4)
    answer = np.where(rng.random(160) < right, label, 1 - label)
    return Predictions(
        track=np.repeat([f"t{i}" for i in range(40)], 4),
        start=np.tile(np.arange(4.0), 40),
        end=np.tile(np.arange(1.0, 5.0), 40),
        probabilities=np.where(np.eye(2)[answer] == 1, 0.8, 0.2),
        label=label,
        classes=("a", "b"),
        task="single_label",
        split="crossval",
        protocol=Protocol("dataset"),
    )


def test_differences_are_those_of_the_scores_and_know_their_pairs():
    tables = {
        "row_random": table(0.95),
        "stratified_kfold": table(0.75, seed=1),
        "artist_kfold": table(0.75, seed=1),
    }
    result = inflation(tables)["segment"]
    scores = {name: value for name, (value, *_) in result["scores"].items()}
    for pair, (value, low, high) in result["differences"].items():
        a, b = pair.split(" - ")
        assert value == pytest.approx(scores[a] - scores[b])
        assert low <= value <= high
    # The same answers: no difference, and no doubt about it.
    assert result["differences"]["stratified_kfold - artist_kfold"] == [0.0, 0.0, 0.0]
    assert result["differences"]["row_random - artist_kfold"][1] > 0


def test_lines_name_what_leaks():
    tables = {"row_random": table(0.9), "artist_kfold": table(0.6, seed=2)}
    segment, track = inflation_rows("SVM", inflation(tables))
    assert list(segment) == [
        "system", "level", "by row (LEAKS)", "by artist", "row − artist",
    ]  # fmt: skip
    assert track["level"] == "track"


def test_other_tracks_are_refused():
    other = table(0.9)
    other.track[:4] = "another"
    with pytest.raises(ValueError, match="not of the same tracks"):
        inflation({"row_random": table(0.9), "artist_kfold": other})


def test_tags_have_metrics_of_their_own():
    assert choose_metric(None, "multi_label", list("abc")) == "average_precision"
    assert choose_metric("roc_auc", "multi_label", list("abc")) == "roc_auc"
    with user_error("unknown_name", "metric 'accuracy'"):
        choose_metric("accuracy", "multi_label", list("abc"))
