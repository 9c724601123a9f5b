"""Splices of which the truth is known: what is counted, and what a perfect network gets."""

import dataclasses
import itertools
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from errors import user_error
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

import mgr_jax
from mgr_jax import cli
from mgr_jax.benchmark import timeline_study
from mgr_jax.benchmark.splices import (
    Counts,
    match,
    pure_clips,
    rates,
    rates_with_intervals,
    splice_tracks,
)
from mgr_jax.decisions import Decisions, Timeline
from mgr_jax.input_spec import InputSpec
from mgr_jax.prediction.engine import TrackClips

RATE = 100
CLASSES = ("blues", "jazz", "rock")


SETTINGS = [Timeline(0.5), Timeline(1.5, 3.0, 0.1, 6.0), Timeline(0.5, 3.0, 0.0, 3.0)]


class FakeTracks:
    """Tracks whose every sample tells its genre: 1000, 2000 or 3000."""

    classes, rate = CLASSES, RATE
    account: dict = {}  # noqa: RUF012

    def __init__(self, split="test", seconds=(30, 12), each=4):
        self.split = split
        self.label = np.repeat(np.arange(len(CLASSES)), each)
        self.length = np.resize(seconds, len(self.label)) * RATE
        self.track_id = np.array([f"{split} {number}" for number in range(len(self.label))])
        self.used = []

    def __len__(self):
        return len(self.label)

    def read(self, track, start=0, length=None):
        self.used.append(track)
        steps = self.length[track] - start if length is None else length
        return np.full(steps, 1000 * (self.label[track] + 1), np.int16)


class FakePredictor:
    """Hears of each window how much of it is of which genre."""

    classes = CLASSES
    spec = InputSpec(
        kind="waveform",
        shape=(3 * RATE,),
        dtype="int16",
        sample_rate=RATE,
        task="single_label",
        clip_samples=3 * RATE,
        eval_segments=0,
        short_clip="zero_pad",
        min_samples=1,
        mask_filling=True,
    )

    def __init__(self, hears=lambda start, window: window, **spec):
        self._hears, self.spec = hears, dataclasses.replace(self.spec, **spec)
        side = SimpleNamespace(format=None)
        self.description = SimpleNamespace(decisions=Decisions(), spec=self.spec, side=side)

    def ask(self, samples, *, name):
        return TrackClips(None, samples)

    def engine(self, asked):
        for clips in asked:
            rows = []
            for start in clips.starts:
                window = self._hears(start, clips.track[start : start + self.spec.clip_samples])
                kinds = np.clip(np.rint(window / 1000).astype(int), 1, 3) - 1
                rows.append(np.bincount(kinds, minlength=3) / len(kinds))
            yield clips.key, {"probabilities": np.array(rows)}


@pytest.fixture
def measure(monkeypatch):
    """Measures a predictor on fake tracks; settings that are tried are few."""

    def run(predictor, tracks=FakeTracks):
        monkeypatch.setattr(timeline_study, "load", lambda folder: predictor)
        monkeypatch.setattr(timeline_study, "load_config", lambda path: SimpleNamespace())
        monkeypatch.setattr(timeline_study, "open_split", lambda c, split, progress: tracks(split))
        monkeypatch.setattr(timeline_study, "require_same_splits", lambda folder, account: None)
        monkeypatch.setattr(timeline_study, "SPLICES", 6)
        monkeypatch.setattr(timeline_study, "grid", lambda window: SETTINGS)
        return mgr_jax.benchmark_timeline("run", progress=False)

    return run


def test_a_perfect_network_finds_all_boundaries_and_nothing_else(measure):
    report = measure(FakePredictor())
    assert report.content["validation"]["classes"] == list(CLASSES)
    assert report.content["validation"]["tried"] == len(SETTINGS)
    chosen = report.content["rows"][0]["test"]
    assert chosen["recall"][0] == chosen["precision"][0] == 1
    assert chosen["spurious_per_10_min"][0] == 0
    assert 0.8 < chosen["recall"][1] < 1  # thirty boundaries are no certainty
    assert 0 < chosen["spurious_per_10_min"][2] < 10
    assert "100.0 [" in str(report)
    assert report.content["boundaries"] == 30


def test_a_network_that_hears_another_genre_now_and_then(measure):
    """Of 30 s, it hears 3 s as another genre: settings that take them away are chosen."""

    def hears(start, window):
        return window % 3000 + 1000 if start % 3000 == 1500 else window

    rows = measure(FakePredictor(hears)).content["rows"]
    chosen, _, alone = (row["test"] for row in rows)
    assert alone["spurious_per_10_min"][0] > 10
    assert alone["precision"][0] < 0.9
    assert chosen["spurious_per_10_min"][0] == 0
    assert chosen["recall"][0] == chosen["precision"][0] == 1


def test_a_network_that_tells_nothing_apart(measure):
    with user_error("benchmark.not_told_apart", "blues 100%", "jazz 0%"):
        measure(FakePredictor(lambda start, window: np.full(len(window), 1000)))


def test_settings_are_chosen_on_validation_tracks_alone(measure):
    opened = []

    def tracks(split):
        opened.append(split)
        return FakeTracks(split)

    report = measure(FakePredictor(), tracks)
    assert opened == ["validation", "test"]
    found, settings = timeline_study.choose_timeline("run"), report.content["rows"][0]
    assert opened[2:] == ["validation"]
    assert dataclasses.asdict(found[0]).items() <= settings.items()
    assert found[1] == report.content["validation"]


def test_models_that_it_is_not_for(measure):
    with user_error("benchmark.other_model"):
        measure(FakePredictor(task="multi_label"))


def test_the_best_settings():
    plain, long = Timeline(1.0), Timeline(1.0, 3.0, 0.1, 3.0)
    few, many = {"f1": 0.9, "spurious_per_10_min": 0.5}, {"f1": 0.95, "spurious_per_10_min": 3.0}
    assert timeline_study.best_of([(plain, many), (long, few)])[0] == long  # fewer than one
    worse = few | {"spurious_per_10_min": 4.0}
    assert timeline_study.best_of([(plain, many), (long, worse)])[0] == plain  # none has as few
    assert timeline_study.best_of([(plain, few), (long, few | {"f1": 0.904})])[0] == long  # as good
    assert timeline_study.best_of([(plain, few | {"f1": 0.93}), (long, few)])[0] == plain


def test_splices_are_what_they_say():
    tracks = FakeTracks(each=3)
    splices = list(splice_tracks(tracks, [0, 2], 8, seed=1))
    for splice in splices:
        assert set(splice.labels) <= {0, 2}
        assert all(one != other for one, other in itertools.pairwise(splice.labels))
        changes = np.flatnonzero(np.diff(splice.samples > 2000)) + 1
        np.testing.assert_allclose(changes / RATE, splice.boundaries, atol=0.06)
        bounds = [0, *splice.boundaries, len(splice.samples) / RATE]
        lengths = np.diff(bounds)
        assert lengths.min() >= 8 - 0.06
        assert lengths.max() <= 20
    counts = np.bincount(tracks.used, minlength=len(tracks))
    for genre in (0, 2):  # each track before one is used again
        used = counts[tracks.label == genre]
        assert used.max() - used.min() <= 1
    again = list(splice_tracks(FakeTracks(each=3), [0, 2], 8, seed=1))
    np.testing.assert_array_equal(splices[3].samples, again[3].samples)


def test_pure_clips_are_of_one_genre_and_long_enough():
    clips = list(pure_clips(FakeTracks()))
    assert len(clips) == 12
    assert all(len(clip.samples) >= 30 * RATE and not len(clip.boundaries) for clip in clips)
    assert all((clip.samples == 1000 * (clip.labels[0] + 1)).all() for clip in clips)
    many = list(pure_clips(FakeTracks(each=100)))
    assert len(many) == 120
    assert np.bincount([clip.labels[0] for clip in many]).tolist() == [40, 40, 40]


times = st.lists(st.integers(0, 60), max_size=12, unique=True).map(sorted)


@given(times, times, st.integers(0, 6))
def test_as_many_are_matched_as_can_be(true, found, tolerance):
    near = np.abs(np.subtract.outer(true, found)) <= tolerance
    most = 0
    if near.any():
        most = (maximum_bipartite_matching(csr_array(near), perm_type="column") >= 0).sum()
    assert match(np.array(true), np.array(found), tolerance) == most


def test_rates():
    splices = Counts(*np.array([[5, 4, 4, 60], [5, 8, 4, 60]], float).T)
    pure = Counts(*np.array([[0, 1, 0, 30], [0, 0, 0, 90]], float).T)
    found = rates(splices, pure)
    assert found["recall"] == 0.8
    assert found["precision"] == pytest.approx(8 / 12)
    assert found["f1"] == pytest.approx(16 / 22)
    assert found["spurious_per_10_min"] == 5
    for name, (value, low, high) in rates_with_intervals(splices, pure).items():
        assert value == pytest.approx(found[name])
        assert low <= value <= high


@pytest.mark.slow
def test_a_trained_run(capsys, trained_run, tmp_path, monkeypatch):
    monkeypatch.setattr(timeline_study, "SPLICES", 6)
    flags = [f"--model={trained_run}", f"--json={tmp_path / 'a.json'}", "--noprogress"]
    assert cli.main(["benchmark", "timeline", *flags]) == 0, capsys.readouterr().err
    assert "| chosen on validation |" in capsys.readouterr().out
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert content["validation"]["tolerance"] == 0.5
    assert content["rows"][0]["test"]["recall"][0] > 0.8  # hum, hiss and beat sound unlike


@pytest.mark.slow
def test_settings_are_kept_in_the_model(trained_run, tmp_path, monkeypatch):
    monkeypatch.setattr(timeline_study, "SPLICES", 6)
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    found = mgr_jax.calibrate(run, precision=0, background=False, timeline=True, progress=False)
    assert f"timeline: hop {found.decisions.timeline.hop:g} s" in str(found)
    kept = mgr_jax.load(run).description.decisions
    assert kept.timeline == found.decisions.timeline != Timeline()
    assert kept.measured["timeline"]["splices"] == 6
    sound = np.random.default_rng(0).normal(0, 0.1, 3 * 12_000).astype(np.float32)
    asked = mgr_jax.load(run).predict(sound, 12_000, timeline=True)
    assert asked.start[1] == pytest.approx(kept.timeline.hop, abs=1e-3)
