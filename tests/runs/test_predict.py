"""Many files through one model: each as it comes, and none left out without a word."""

import functools
import json
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from errors import user_error

import mgr_jax
from mgr_jax.audio.io import AudioError, AudioWarning, read_audio
from mgr_jax.errors import UserError
from mgr_jax.prediction.prediction import Prediction
from mgr_jax.runs.predict import predict_each
from mgr_jax.side_inputs import SideInputs
from mgr_jax.workers import map_in_processes

ROOT = Path(__file__).resolve().parents[2]


def read(name, sample_rate, *, allow_truncated, limits, dtype):
    """Stands for `read_audio`, also in worker processes."""
    if "cut" in name:
        warnings.warn(f"{name} is cut short", AudioWarning, stacklevel=2)
    if "bad" in name:
        raise AudioError(f"{name} cannot be decoded", code="audio.damaged")
    if "crash" in name:
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # not the test runner's faulthandler
        os.kill(os.getpid(), signal.SIGSEGV)
    if "large" in name:
        os.kill(os.getpid(), signal.SIGKILL)  # what the kernel does where memory runs out
    if "endless" in name:
        time.sleep(600)
    return np.full(sample_rate, len(name), dtype)


class StubPredictor:
    """Says the same of every file."""

    def __init__(self):
        self.asked = []
        self.side = SideInputs()

    def audio_rate(self):
        return 100

    def predict_samples(self, samples, *, name, side, timeline):
        assert (samples.dtype, samples.shape, samples[0]) == (np.int16, (100,), len(name))
        self.asked.append(Path(name).stem)
        rows = np.array([[0.75, 0.25], [0.125, 0.875]])
        starts, ends = np.array([0.0, 61.0]), np.array([2.0, 63.5])
        return Prediction(("rock", "jazz"), starts, ends, rows, rows.mean(axis=0))


@pytest.fixture
def predictor(monkeypatch):
    stub = StubPredictor()
    monkeypatch.setattr("mgr_jax.runs.predict.load", lambda *_, **__: stub)
    monkeypatch.setattr("mgr_jax.runs.predict.read_audio", read)
    return stub


def predict_here(*args, **kwargs):
    return mgr_jax.predict_files("run", *args, workers=0, **kwargs)


def test_files_are_predicted_as_they_are_asked_for(predictor, capsys):
    predictions = predict_here(["a.mp3", "bad.mp3", Path("b.mp3"), "bad2.mp3"])
    assert predictor.asked == []
    for name, prediction in predictions:
        assert name == "a.mp3"
        assert prediction.label == "jazz"
        break
    assert predictor.asked == ["a"]
    assert [name for name, _ in predictions] == ["a.mp3", "b.mp3"]
    assert list(predictions.found) == ["a.mp3", "b.mp3"]
    assert predictor.asked == ["a", "b"]
    assert predictions.failures == ["bad.mp3 cannot be decoded", "bad2.mp3 cannot be decoded"]
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_all_of_them_are_saved(predictor, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    predictions = predict_here(["a.mp3", "bad.mp3", "b.mp3"])
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
    names = [name for name, _ in predict_here([music_folder / "hum", "x.mp3"])]
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


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_told_of_files_is_told_as_they_come_and_kept(predictor, workers):
    predictions = mgr_jax.predict_files("run", ["a.mp3", "cut.mp3", "cut2.mp3"], workers=workers)
    with pytest.warns(AudioWarning) as caught:
        list(predictions)
    assert [str(w.message) for w in caught] == ["cut.mp3 is cut short", "cut2.mp3 is cut short"]
    assert predictions.notes == {f"{n}.mp3": [f"{n}.mp3 is cut short"] for n in ("cut", "cut2")}


def test_files_that_crash_or_fill_memory_cost_no_other_file_its_prediction(predictor):
    names = ["a.mp3", "bad.mp3", "crash.voc", "b.mp3", "large.flac", "c.mp3"]
    predictions = mgr_jax.predict_files("run", names, workers=2)
    assert [name for name, _ in predictions] == ["a.mp3", "b.mp3", "c.mp3"]
    failures = predictions.failures
    assert failures[0] == "bad.mp3 cannot be decoded"
    assert failures[1].startswith("the process that worked on crash.voc crashed (SIGSEGV); ")
    assert failures[2].startswith("the process that worked on large.flac was killed, ")
    assert len(failures) == 3


def test_a_file_that_takes_for_ever_costs_itself_alone(predictor, monkeypatch):
    impatient = functools.partial(map_in_processes, time_limit=2.0)
    monkeypatch.setattr("mgr_jax.runs.predict.map_in_processes", impatient)
    predictions = mgr_jax.predict_files("run", ["a.mp3", "endless.mp3", "b.mp3"], workers=1)
    assert [name for name, _ in predictions] == ["a.mp3", "b.mp3"]
    assert predictions.failures == [
        "work on endless.mp3 was given up after 2 s; leave it out or replace it"
    ]


def test_the_code_of_a_failure_is_kept(predictor):
    found = predict_each(predictor, ["bad.mp3", "crash.voc"], [{}, {}], workers=1)
    errors = [error for _, error in found]
    assert [type(error) for error in errors] == [AudioError, AudioError]
    assert [error.code for error in errors] == ["audio.damaged", "workers.crashed"]


@pytest.mark.parametrize(("count", "workers"), [(1, 0), (2, 2), (9, 4)])
def test_one_process_per_core_decodes_but_for_a_single_file(predictor, monkeypatch, count, workers):
    asked = []

    def here(function, items, *, workers, ahead):
        asked.append(workers)
        yield from map_in_processes(function, items, workers=0)

    monkeypatch.setattr("mgr_jax.runs.predict.map_in_processes", here)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert len(list(mgr_jax.predict_files("run", [f"{n}.mp3" for n in range(count)]))) == count
    assert asked == [workers]


def test_a_decoder_that_is_not_installed_is_no_fault_of_a_file(predictor, monkeypatch):
    def read_without(*_, **__):
        raise UserError("decoding audio files needs PyAV", code="package.missing")

    monkeypatch.setattr("mgr_jax.runs.predict.read_audio", read_without)
    with user_error("package.missing", "PyAV"):
        list(predict_here(["a.mp3", "b.mp3"]))


def test_workers_that_decode_load_neither_networks_nor_datasets():
    """They take longer to import than many a file to decode."""
    read = functools.partial(read_audio, sample_rate=100)
    code = "import pickle, sys; pickle.load(sys.stdin.buffer); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(read),
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    loaded = done.stdout.decode().split()
    assert "mgr_jax.audio.io" in loaded
    assert not {"jax", "flax", "tensorflow_datasets", "av"} & set(loaded)
