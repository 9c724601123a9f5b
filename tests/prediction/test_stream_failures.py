"""Files that crash a decoder, fill the memory or never end cost no other file its prediction."""

import functools
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from errors import user_error
from odd_reading import read_odd
from stub_predictor import predict

from mgr_jax.audio.io import AudioError, read_audio
from mgr_jax.errors import UserError
from mgr_jax.prediction.engine import TrackClips
from mgr_jax.prediction.stream import predict_stream
from mgr_jax.workers import map_in_processes

ROOT = Path(__file__).resolve().parents[2]


class StubPredictor:
    """Says of a sound what follows from its name."""

    classes = ()

    def audio_rate(self):
        return 100

    def timeline_of(self, asked):
        return asked

    def ask(self, samples, *, name, side, timeline):
        assert (len(samples), samples[0]) == (100, len(name))
        return TrackClips(name)

    def engine(self, tracks):
        return ((clips.key, {}) for clips in tracks)

    def answer(self, question, outputs, rules):
        return predict(question).prediction


@pytest.fixture
def outcomes(monkeypatch):
    monkeypatch.setattr("mgr_jax.prediction.stream.read_audio", read_odd)
    return functools.partial(predict_stream, StubPredictor())


def split(files):
    files = list(files)
    return [f.name for f in files if f.prediction], [f.error for f in files if f.error]


def test_crashes_and_full_memory_cost_no_other_file_its_prediction(outcomes):
    names = ["a.mp3", "bad.mp3", "crash.voc", "b.mp3", "large.flac", "c.mp3"]
    used, errors = split(outcomes(names, workers=2))
    assert used == ["a.mp3", "b.mp3", "c.mp3"]
    assert [type(error) for error in errors] == [AudioError] * 3
    assert [error.code for error in errors] == [
        *("audio.damaged", "workers.crashed", "workers.killed")
    ]
    told = list(map(str, errors))
    assert told[0] == "bad.mp3 cannot be decoded"
    assert told[1].startswith("the process that worked on crash.voc crashed (SIGSEGV); ")
    assert told[2].startswith("the process that worked on large.flac was killed, ")


def test_a_file_that_takes_for_ever_costs_itself_alone(outcomes, monkeypatch):
    impatient = functools.partial(map_in_processes, time_limit=2.0)
    monkeypatch.setattr("mgr_jax.prediction.stream.map_in_processes", impatient)
    used, errors = split(outcomes(["a.mp3", "endless.mp3", "b.mp3"], workers=1))
    assert used == ["a.mp3", "b.mp3"]
    assert [str(error) for error in errors] == [
        "work on endless.mp3 was given up after 2 s; leave it out or replace it"
    ]


@pytest.mark.parametrize(("count", "workers"), [(1, 0), (2, 2), (9, 4)])
def test_one_process_per_core_decodes_but_for_a_single_file(outcomes, monkeypatch, count, workers):
    asked = []

    def here(function, items, *, workers, **options):
        asked.append(workers)
        yield from map_in_processes(function, items, workers=0)

    monkeypatch.setattr("mgr_jax.prediction.stream.map_in_processes", here)
    monkeypatch.setattr("mgr_jax.prediction.stream.available_cores", lambda: 4)
    assert len(list(outcomes([f"{n}.mp3" for n in range(count)]))) == count
    assert asked == [workers]


def test_a_decoder_that_is_not_installed_is_no_fault_of_a_file(outcomes, monkeypatch):
    def read_without(*_, **__):
        raise UserError("decoding audio files needs PyAV", code="package.missing")

    monkeypatch.setattr("mgr_jax.prediction.stream.read_audio", read_without)
    with user_error("package.missing", "PyAV"):
        list(outcomes(["a.mp3", "b.mp3"], workers=0))


def test_workers_that_decode_load_neither_networks_nor_datasets():
    """They take longer to import than many a file to decode."""
    work = functools.partial(read_audio, sample_rate=100)
    code = "import pickle, sys; pickle.load(sys.stdin.buffer); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(work),
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    loaded = done.stdout.decode().split()
    assert "mgr_jax.audio.io" in loaded
    assert not {"jax", "flax", "tensorflow_datasets", "av"} & set(loaded)
