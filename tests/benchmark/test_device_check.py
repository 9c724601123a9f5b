"""The check of a device, everything tiny on a CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from errors import user_error

from mgr_jax.benchmark.device_check import PARTS, TINY_PARTS, TOTAL, check_device
from mgr_jax.benchmark.device_report import format_check
from mgr_jax.benchmark.train_cases import CASES

ROOT = Path(__file__).parents[2]
OWN = ["mgr_jax float32", "mgr_jax bfloat16"]


@pytest.mark.slow
def test_the_script_leaves_one_file_in_which_every_part_succeeded(tmp_path):
    """From another folder, without `mgr-jax` and what a bare machine lacks on any path."""
    for name in ("torch", "librosa", "sklearn", "pyarrow"):
        absent = f"raise ImportError('no {name} here')"
        (tmp_path / f"{name}.py").write_text(absent, encoding="utf-8")
    done = subprocess.run(
        ["bash", ROOT / "launch" / "gpu_check.sh", "--tiny", "--out", "there/check.json"],
        cwd=tmp_path,
        env=os.environ
        | {
            "PYTHON": sys.executable,
            "PYTHONPATH": str(tmp_path),
            "XLA_FLAGS": os.environ["XLA_FLAGS"].replace("device_count=4", "device_count=1"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads((tmp_path / "there" / "check.json").read_text(encoding="utf-8"))
    parts = report["parts"]
    assert {name: part.get("error") for name, part in parts.items()} == dict.fromkeys(TINY_PARTS)
    assert done.returncode == 0, done.stderr
    progress = done.stdout.splitlines()[: len(TINY_PARTS)]
    assert [line.partition(": done")[0] for line in progress] == list(TINY_PARTS)
    assert (report["check"], report["tiny"]) == ("device", True)
    assert report["date"].endswith("+00:00")
    machine = parts["machine"]["result"]
    assert machine["devices"][0].startswith("cpu")
    assert machine["versions"]["jax"] == jax.__version__
    assert "3 classes" in parts["prepare"]["result"]["summary"]
    for name in ("train pmap", "train jit"):
        for run in parts[name]["result"].values():
            assert run["steps"] == 4
            assert run["clips_per_second"] > 0
            assert np.isfinite(run["losses"]).all()
    assert set(parts["train pmap"]["result"]) == {"resident", "streaming"}
    assert parts["evaluate"]["result"]["predict"]["label"]
    assert parts["frontends"]["result"]["log_mel"]["mgr_jax, 1 device"]["max_error_db"] < 5e-3
    step = parts["step sample_cnn"]["result"]
    assert list(step["seconds"]) == OWN
    assert "no torch here" in step["failures"]["PyTorch"]
    audio = parts["audio"]["result"]
    assert len(audio["seconds"]) == 2
    assert "no torch here" in audio["failures"]["PyTorch"]
    table = format_check(report)
    assert table in done.stdout
    assert "\n| sample_cnn, 8 | " in table
    assert all(f"\n| {name} | " in table for name in audio["seconds"])


def test_every_network_has_a_part_and_the_parts_a_limit_within_that_of_all():
    assert {f"step {name}" for name in CASES} < set(PARTS)
    assert set(TINY_PARTS) < set(PARTS)
    assert max(PARTS.values()) < TOTAL <= 480


def test_a_part_that_fails_or_hangs_costs_no_other(tmp_path):
    out = tmp_path / "check.json"
    parts = {"nonsense": 300, "machine": 0.2, "prepare": 300}
    report = check_device(out, tiny=True, parts=parts)
    assert report == json.loads(out.read_text(encoding="utf-8"))
    assert "there is no part 'nonsense'" in report["parts"]["nonsense"]["error"]
    assert any("UserError" in line for line in report["parts"]["nonsense"]["log"])
    assert report["parts"]["machine"]["error"] == "stopped: it took longer than 0 s"
    assert report["parts"]["prepare"]["ok"]


def test_no_part_starts_when_the_time_is_up(tmp_path):
    report = check_device(tmp_path / "check.json", tiny=True, seconds=0)
    assert {part["error"] for part in report["parts"].values()} == {"not run: the time was up"}
    assert list(report["parts"]) == list(TINY_PARTS)


def test_a_place_that_cannot_be_written_is_told_first(tmp_path, monkeypatch):
    monkeypatch.setattr("mgr_jax.benchmark.device_check._run_part", pytest.fail)
    with user_error("file.is_folder", tmp_path):
        check_device(tmp_path, tiny=True)


def test_an_unknown_flag_is_bad_usage():
    script = ["bash", ROOT / "launch" / "gpu_check.sh", "--fast"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")
