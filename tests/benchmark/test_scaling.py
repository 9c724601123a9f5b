"""The benchmark of sizes and devices, of a few clips; no test looks at a speed."""

import json

import numpy as np
import pytest
from errors import user_error

import mgr_jax
from mgr_jax import cli
from mgr_jax.audio.io import read_audio
from mgr_jax.benchmark import dispatches, processes, scaling, scaling_jobs

# Seconds of the processors that a start takes, and a clip of each size.
START = {"prepare": 1.0, "train": 5.0, "predict": 3.0, "evaluate": 2.0}
EACH = {200: 0.002, 600: 0.002, 2000: 0.002, 6000: 0.004}


@pytest.fixture
def measured(monkeypatch):
    """Measures nothing: a clip costs twice as much where there are 6,000."""
    place = {"compiled": set()}

    def measure(module, job, work, environment=None):
        size = place["clips"]
        each = EACH.get(size, 0.0)
        seconds = START.get(job, 0.0) + each * (size - 100)
        if job == "train":
            (work / scaling_jobs.RUN).mkdir()  # which fails where one was left
            seconds += 0 if size in place["compiled"] else 1000
            place["compiled"].add(size)
        return {"seconds": 2 * seconds, "cpu_seconds": seconds, "megabytes": 100 + size / 100}

    def write_clips(folder, clips):
        folder.mkdir(parents=True)
        place["clips"] = clips

    speeds = iter([100.0, 150.0, 50.0, 120.0])
    monkeypatch.setattr(scaling, "measure", measure)
    monkeypatch.setattr(scaling_jobs, "write_clips", write_clips)
    monkeypatch.setattr(scaling, "run_module", lambda *arguments, environment: arguments)
    monkeypatch.setattr(scaling, "require_success", lambda process: None)
    monkeypatch.setattr(scaling, "_take_speed", lambda place: next(speeds))
    row = {"suite": "scaling", "case": "updates", "peer": "one by one"}
    row |= {"ratio": 1.0, "low": 0.9, "high": 1.1}
    monkeypatch.setattr(scaling, "compare_dispatches", lambda *_, **__: [row])


@pytest.mark.usefixtures("measured")
def test_the_command_tells_what_a_clip_costs_beside_the_start(capsys, tmp_path):
    options = ["--clips=6000", "--rounds=2"]
    assert cli.main(["benchmark", "scaling", *options, f"--json={tmp_path / 'found.json'}"]) == 0
    content = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    first, *rows = content["rows"]
    assert first["case"] == "updates"
    assert [row["case"] for row in rows[:2]] == ["prepare, 6,000 clips", "train, 6,000 clips"]
    assert {row["peer"] for row in rows} == {"2,000 clips"}
    assert [row["ratio"] for row in rows] == pytest.approx([0.5] * 4)
    costs = {(row["job"], row["clips"]): row for row in content["costs"]}
    assert len(costs) == 16
    cost = costs["train", 6000]
    assert cost["cpu_milliseconds"] == pytest.approx(4.0)
    assert cost["milliseconds"] == pytest.approx(8.0)
    assert (cost["megabytes"], cost["start_cpu_seconds"]) == (160, 5.0)
    shares = [
        (row["processes"], row["devices"], row["of_one_device"]) for row in content["devices"]
    ]
    assert shares == [(1, 1, 1.0), (1, 2, 1.5), (1, 4, 0.5), (2, 2, 1.2)]
    out = capsys.readouterr().out
    assert "| prepare, 6,000 clips | 2,000 clips | 0.50 | 0.50 to 0.50 |" in out
    assert "| 2 | 2 | 120 | 1.20 |" in out


def test_too_few_clips_tell_nothing():
    with user_error("benchmark.too_small", "give 6000 or more"):
        mgr_jax.benchmark_scaling(clips=5999)


def test_clips_are_sounds_of_a_second_all_of_them_different(tmp_path):
    scaling_jobs.write_clips(tmp_path / "clips", 9)
    paths = sorted((tmp_path / "clips").glob("*/*.flac"))
    assert len(paths) == 9
    sounds = [read_audio(path, scaling_jobs.RATE) for path in paths]
    assert {len(sound) for sound in sounds} == {scaling_jobs.RATE}
    assert len({sound.tobytes() for sound in sounds}) == 9
    assert all(np.abs(sound).max() > 0.2 for sound in sounds)


def test_a_process_is_measured_with_what_it_starts():
    found = processes.measure("timeit", "-n", "1", "-r", "1", "x = bytes(2 * 10**8)[::2]")
    assert set(found) == {"seconds", "cpu_seconds", "megabytes"}
    assert found["cpu_seconds"] > 0
    assert found["seconds"] > 0


def test_a_process_that_fails_is_told_with_its_reason():
    with user_error("benchmark.failed", "No module named mgr_jax.benchmark.nothing"):
        processes.measure("mgr_jax.benchmark.nothing")


@pytest.mark.slow
def test_the_jobs_do_what_they_are_timed_for(tmp_path):
    scaling_jobs.write_clips(tmp_path / "clips", 48)
    for job in scaling.JOBS:
        scaling_jobs.JOBS[job](tmp_path)
    assert (tmp_path / "genres.jsonl").read_text(encoding="utf-8").count("\n") == 48
    tracks = sum(1 for _ in (tmp_path / "clips").rglob("*.flac"))
    assert tracks == 48
    scores = json.loads((tmp_path / "run/predictions/train.json").read_text(encoding="utf-8"))
    assert scores


def test_updates_in_a_dispatch_are_compared_with_those_one_by_one():
    rows = dispatches.compare_dispatches("scaling", networks=dispatches.TINY, rounds=1)
    assert [(row["case"], row["peer"]) for row in rows] == [
        ("tiny FCN, 10 updates per dispatch", "one by one"),
        ("tiny FCN, batch in 4 parts", "the whole batch"),
    ]


def test_updates_that_end_elsewhere_are_not_compared(monkeypatch):
    class Other:
        def __init__(self, *network, accumulate): ...

        def make(self, together):
            return 0.1 * together

    monkeypatch.setattr(dispatches, "_Trainer", Other)
    with user_error("benchmark.differs", "loss of 1.000000, and one by one at 0.100000"):
        dispatches.compare_dispatches("scaling", rounds=1)
