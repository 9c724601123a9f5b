"""Many files through one model: each as it comes, and none left out without a word."""

import json
from pathlib import Path

import numpy as np
import pytest
from errors import user_error

import mgr_jax
from mgr_jax.audio.io import AudioError
from mgr_jax.prediction.prediction import Prediction
from mgr_jax.side_inputs import SideInputs


class StubPredictor:
    """Says the same of every file; cannot read those called bad."""

    def __init__(self):
        self.asked = []
        self.side = SideInputs()

    def predict(self, name, *, side, timeline, limits):
        self.asked.append(Path(name).stem)
        if "bad" in name:
            raise AudioError(f"{name} cannot be decoded", code="audio.damaged")
        rows = np.array([[0.75, 0.25], [0.125, 0.875]])
        starts, ends = np.array([0.0, 61.0]), np.array([2.0, 63.5])
        return Prediction(("rock", "jazz"), starts, ends, rows, rows.mean(axis=0))


@pytest.fixture
def predictor(monkeypatch):
    stub = StubPredictor()
    monkeypatch.setattr("mgr_jax.runs.predict.load", lambda *_, **__: stub)
    return stub


def test_files_are_predicted_as_they_are_asked_for(predictor, capsys):
    predictions = mgr_jax.predict_files("run", ["a.mp3", "bad.mp3", Path("b.mp3"), "bad2.mp3"])
    assert predictor.asked == []
    for name, prediction in predictions:
        assert name == "a.mp3"
        assert prediction.label == "jazz"
        break
    assert predictor.asked == ["a"]
    assert [name for name, _ in predictions] == ["a.mp3", "b.mp3"]
    assert list(predictions.found) == ["a.mp3", "b.mp3"]
    assert predictor.asked == ["a", "bad", "b", "bad2"]
    assert predictions.failures == ["bad.mp3 cannot be decoded", "bad2.mp3 cannot be decoded"]
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_all_of_them_are_saved(predictor, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    predictions = mgr_jax.predict_files("run", ["a.mp3", "bad.mp3", "b.mp3"])
    predictions.save("~/results.json")
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert list(results) == ["a.mp3", "b.mp3"]
    assert results["b.mp3"] == {
        "label": "jazz",
        "classes": ["rock", "jazz"],
        "track": [0.4375, 0.5625],
        "start": [0.0, 61.0],
        "end": [2.0, 63.5],
        "segments": [[0.75, 0.25], [0.125, 0.875]],
    }
    assert len(predictions.failures) == 1


def test_a_prediction_is_said_in_words(predictor):
    ((_, prediction),) = mgr_jax.predict_files("run", ["a.mp3"])
    assert prediction.describe() == "jazz 56 %, rock 44 %"
    assert prediction.describe(1, timeline=True) == (
        "jazz 56 %\n  0:00.0-0:02.0  rock 75 %\n  1:01.0-1:03.5  jazz 88 %"
    )


def test_folders_are_searched(predictor, music_folder):
    names = [name for name, _ in mgr_jax.predict_files("run", [music_folder / "hum", "x.mp3"])]
    assert names == [*(str(path) for path in sorted((music_folder / "hum").iterdir())), "x.mp3"]


@pytest.mark.parametrize("given", [{}, {"files": ["a.mp3"], "features": "mel.npz"}])
def test_files_or_features_are_given(predictor, given):
    with user_error("argument.choose_one", "audio files", "`features`"):
        mgr_jax.predict_files("run", **given)


def test_a_table_that_is_missing_is_told_before_any_file_is_read(predictor):
    predictor.side = SideInputs(columns=("tempo",), mean=(0.0,), scale=(1.0,))
    with user_error("side_inputs.wrong_row", "1 finite numbers", "tempo"):
        mgr_jax.predict_files("run", ["bad.mp3", "a.mp3"])
    assert predictor.asked == []


def test_a_folder_without_audio_is_named(predictor, tmp_path):
    with user_error("audio.no_files", tmp_path, ".opus"):
        mgr_jax.predict_files("run", [tmp_path])
