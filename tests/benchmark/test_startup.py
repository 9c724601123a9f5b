"""How long commands take to start."""

import os
import sys

from errors import user_error

import mgr_jax
from mgr_jax import huge_pages, program_cache
from mgr_jax.benchmark import first_step, startup
from mgr_jax.benchmark.process_times import time_process


def test_processes_are_timed_and_those_that_fail_are_told():
    code = "import time; time.sleep(0.2)"
    taken = time_process([sys.executable, "-c", code], os.environ)
    assert taken["seconds"] > 0.2
    assert taken["cpu_seconds"] > 0
    with user_error("benchmark.process_failed", "no such song"):
        time_process([sys.executable, "-c", "raise OSError('no such song')"], {})


def test_prediction_is_timed_as_a_user_starts_it(monkeypatch):
    calls = []

    def timed(command, environment):
        calls.append((command, environment))
        kept = environment.get(program_cache.SWITCH) != "0"
        return {"seconds": 1.0 if kept else 3.0, "cpu_seconds": 1.0}

    monkeypatch.setattr(startup, "time_process", timed)
    monkeypatch.setattr(startup, "find_model", lambda model: model)
    monkeypatch.setattr(startup, "_why_missing", lambda: "No module named 'torch'")
    monkeypatch.setenv(huge_pages.TUNABLES, "glibc.malloc.hugetlb=1")
    monkeypatch.setenv(program_cache.FOLDER, "/somewhere")
    report = mgr_jax.benchmark_startup("runs/a", rounds=2, progress=False)
    # What this process has chosen is not what the timed ones begin with.
    assert not any({huge_pages.TUNABLES, program_cache.FOLDER} & set(env) for _, env in calls)
    folders = [env.get("XDG_CACHE_HOME") for command, env in calls if "-noprogress" in command]
    assert len(folders) == 3 * 4
    assert len(set(folders)) == 2 + 3  # one filled, none, and an empty one for each round
    text = str(report)
    assert f"| {startup.OFF} | 3.00 | 1.00 |" in text
    assert f"| {startup.FILLED} | 1.00 | 1.00 |" in text
    assert "are not compared: No module named 'torch'" in text
    assert report.content["rows"] == []


def test_rows_compare_with_the_peer():
    times = {
        name: [{"seconds": seconds, "cpu_seconds": seconds}]
        for name, seconds in ((startup.FILLED, 2.0), (startup.EMPTY, 4.0), (startup.PEER, 6.0))
    }
    ratios = {row["case"]: row["ratio"] for row in startup._rows(times)}
    assert ratios == {startup.FILLED: 3.0, startup.EMPTY: 1.5}


def test_a_network_takes_its_first_step():
    taken = first_step.time_first_step("mlp:model=relu")
    assert taken["model"] == "mlp"
    assert 0 < taken["init_seconds"] < taken["seconds"]
    assert 0 < taken["loss"] < 10


def test_every_network_of_the_shipped_configs_is_timed_once():
    chosen = first_step._of_each_network()
    models = [mgr_jax.read_config(name).model.name for name in chosen]
    assert len(models) == len(set(models)) > 30


def test_slow_networks_come_first_in_the_report():
    networks = [
        {
            "config": f"{name}_config",
            "model": name,
            "cold": {"seconds": seconds, "cpu_seconds": 1.0},
            "warm": {"seconds": 0.5, "cpu_seconds": 0.4},
        }
        for name, seconds in (("quick", 2.0), ("slow", 20.0))
    ]
    machine = {"processor": "some", "cores": 2, "devices": ["cpu"], "versions": {}}
    content = {
        "rounds": 1,
        "processes": {},
        "rows": [],
        "peer": "",
        "date": "2026-11-28",
        "machine": machine | {"environment": {}},
        "load_average": [],
        "networks": networks,
    }
    text = startup.format_report(content)
    assert text.index("| `slow` | `slow_config` | 20.0 | 1.0 | 0.5 | 0.4 |") < text.index("quick")


def test_configs_that_are_not_there_are_told_before_any_time(tmp_path):
    with user_error("config.unknown", "no_such_config"):
        first_step.first_step_networks(["mlp:model=relu", "no_such_config"], tmp_path)
