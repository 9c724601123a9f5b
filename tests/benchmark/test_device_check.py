"""The check of a device, everything tiny on a CPU, and PyTorch's networks beside ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from errors import user_error

from mgr_jax.benchmark.device_check import PARTS, check_device, format_steps
from mgr_jax.benchmark.train_step import (
    CASES,
    TINY_CASES,
    compare_train_steps,
    count_parameters,
)

ROOT = Path(__file__).parents[2]
OWN = ("mgr_jax float32", "mgr_jax bfloat16")


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
    assert {name: part.get("error") for name, part in parts.items()} == dict.fromkeys(PARTS)
    assert done.returncode == 0, done.stderr
    progress = done.stdout.splitlines()[: len(PARTS)]
    assert [line.partition(": done")[0] for line in progress] == list(PARTS)
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
    assert set(parts["train jit"]["result"]) == {"resident", "streaming"}
    assert parts["evaluate"]["result"]["predict"]["label"]
    assert parts["frontends"]["result"]["log_mel"]["mgr_jax, 1 device"]["max_error_db"] < 5e-3
    steps = {name: parts[f"step {name}"]["result"] for name in CASES}
    for step in steps.values():
        assert set(step["milliseconds"]) == set(step["ratios"]) == set(OWN)
        assert "no torch here" in step["failures"]["PyTorch"]
    table = format_steps(report)
    assert table in done.stdout
    assert all(f"\n| {name}, 8 | " in table for name in CASES)


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
    assert list(report["parts"]) == list(PARTS)


def test_a_place_that_cannot_be_written_is_told_first(tmp_path, monkeypatch):
    monkeypatch.setattr("mgr_jax.benchmark.device_check._run_part", pytest.fail)
    with user_error("file.is_folder", tmp_path):
        check_device(tmp_path, tiny=True)


def test_an_unknown_flag_is_bad_usage():
    script = ["bash", ROOT / "launch" / "gpu_check.sh", "--fast"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")


@pytest.mark.parametrize("name", CASES)
def test_networks_in_pytorch_have_as_many_parameters(name):
    pytest.importorskip("torch")
    from mgr_jax.benchmark import torch_steps

    for case in (CASES[name], TINY_CASES[name]):
        assert torch_steps.parameters(case) == count_parameters(case)


@pytest.mark.parametrize("name", CASES)
def test_networks_in_pytorch_compute_the_same(name):
    """With our weights; the reset gates of `choi_crnn` are out of play, as they differ."""
    torch = pytest.importorskip("torch")
    from mgr_jax.benchmark.torch_networks import NETWORKS

    case, rng = TINY_CASES[name], np.random.default_rng(0)
    features, _ = case.examples()
    model = case.create()
    variables = jax.jit(lambda key: model.init(key, features, train=False))(jax.random.key(0))
    variables = jax.tree.map(
        lambda x: (
            np.asarray(0.2 * np.abs(rng.standard_normal(x.shape)) + 0.1, np.float32)
            if x.ndim == 1
            else np.asarray(x)
        ),
        variables,
    )
    for gru in [params for key, params in variables["params"].items() if key.startswith("gru")]:
        gru["candidate_state"] = np.zeros_like(gru["candidate_state"])
    network = NETWORKS[name](model, case.shape[1]).eval()
    network.load_state_dict({k: torch.from_numpy(v) for k, v in _state(variables).items()})
    with torch.inference_mode():
        logits = network(torch.from_numpy(features)[:, None]).numpy()
    expected, _ = model.apply(variables, features, train=False)
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-4)


def _state(variables) -> dict[str, np.ndarray]:
    """Flax's variables under PyTorch's names."""
    names = {"kernel": "weight", "scale": "weight", "bias": "bias"}
    names |= {"mean": "running_mean", "var": "running_var"}
    state = {}
    for tree in variables.values():
        for path, value in jax.tree_util.tree_flatten_with_path(tree)[0]:
            *layers, last = (key.key for key in path)
            if layers[0].startswith("gru"):
                continue
            axes = {4: (3, 2, 0, 1), 3: (2, 1, 0), 2: (1, 0), 1: (0,)}[value.ndim]
            moved = value.transpose(axes)
            moved = moved[..., None] if value.ndim == 3 else moved  # kernels lie along the frames
            state[".".join([*layers, names[last]])] = np.ascontiguousarray(moved)
    for number, gru in enumerate(g for k, g in variables["params"].items() if k.startswith("gru")):
        gates = ("reset", "update", "candidate")
        state[f"gru.weight_ih_l{number}"] = np.concatenate([gru[g]["kernel"].T for g in gates])
        state[f"gru.weight_hh_l{number}"] = np.concatenate([gru[f"{g}_state"].T for g in gates])
        state[f"gru.bias_ih_l{number}"] = bias = np.concatenate([gru[g]["bias"] for g in gates])
        state[f"gru.bias_hh_l{number}"] = np.zeros_like(bias)
    return state


@pytest.mark.slow
def test_steps_in_pytorch_are_timed_beside_ours():
    pytest.importorskip("torch")
    first = []
    report = compare_train_steps(
        TINY_CASES["sample_cnn"],
        rounds=2,
        steps=1,
        keep=lambda report: first.append(set(report["milliseconds"])),
    )
    names = {
        f"PyTorch {kind} {d}" for kind in ("eager", "compiled") for d in ("float32", "bfloat16")
    }
    assert report["failures"] == {}
    assert set(report["milliseconds"]) == {*OWN, *names}
    assert first[0] == {name for name in first[1] if "compiled" not in name}
    assert set(report["ratios"][OWN[0]]) == {name for name in names if name.endswith("float32")}
    assert report["losses"].keys() == report["milliseconds"].keys()
    assert all(np.isfinite(loss) for loss in report["losses"].values())
