"""Runs on several processes; tests/faults/devices.py has runs that go on with other devices."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mgr_jax.training.same_run import lock
from mgr_jax.training.summary import read_metrics
from mgr_jax.training.train import train

ROOT = Path(__file__).resolve().parents[2]


def start(workdir: Path, *arguments: str, devices: int) -> subprocess.Popen:
    """Starts `mgr-jax train` on a number of host devices, with the config of `workdir`'s run."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    return subprocess.Popen(
        [sys.executable, ROOT / "launch/train.py", f"--workdir={workdir}", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT), "XLA_FLAGS": flags},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_two(workdir: Path, *arguments: str) -> list[subprocess.Popen]:
    """Starts a run over two processes, of two devices each."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    joined = [*arguments, f"--coordinator=localhost:{port}", "--num_processes=2"]
    return [start(workdir, *joined, f"--process_id={i}", devices=2) for i in range(2)]


def finish(process: subprocess.Popen) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


@pytest.fixture
def config_flags(tiny_config, tmp_path):
    """Flags that say the same as `tiny_config`, with all that draws, for a process of its own."""
    tiny_config.model.kwargs.update({"dropout": 0.3})
    tiny_config.augment = ({"name": "gain", "p": 0.5}, {"name": "mixup"})
    tiny_config.sampling = "balanced"
    file = tmp_path / "tiny.py"
    file.write_text(
        "from mgr_jax.config import from_json\n"
        "def get_config():\n"
        f"    return from_json({tiny_config.to_json()!r})\n"
    )
    return f"--config={file}"


def losses(workdir):
    rows = read_metrics(workdir / "metrics.jsonl")
    return {row["step"]: row["train/loss"] for row in rows if "train/loss" in row}


@pytest.mark.slow
def test_two_processes_train_like_one(tiny_config, config_flags, tmp_path):
    train(tiny_config, tmp_path / "one", progress=False)
    processes = start_two(tmp_path / "two", config_flags)
    outputs = [finish(process) for process in processes]
    assert "Trained to step 8" in outputs[0]
    assert "Trained" not in outputs[1]
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=1e-4)
    one, two = (
        [row for row in read_metrics(tmp_path / name / "metrics.jsonl") if "train/loss" not in row]
        for name in ("one", "two")
    )
    for a, b in zip(one, two, strict=True):
        assert a == pytest.approx(b, abs=1e-2)


@pytest.mark.slow
def test_all_processes_stop_where_one_is_asked_to(config_flags, tmp_path):
    flags = ("--config.partition=jit", "--config.num_steps=100000", "--config.eval_every=100000")
    processes = start_two(tmp_path / "run", config_flags, *flags)
    deadline = time.monotonic() + 300
    while not (tmp_path / "run/metrics.jsonl").exists() or not losses(tmp_path / "run"):
        assert time.monotonic() < deadline, "waited in vain"
        assert not any(process.poll() for process in processes)
        time.sleep(0.05)
    processes[1].terminate()
    told = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [75, 75], told
    steps = {text.partition("stopped at step ")[2].partition(";")[0] for text in told}
    assert {path.name for path in (tmp_path / "run/checkpoints").glob("[0-9]*")} == steps


@pytest.mark.slow
def test_what_one_process_cannot_do_ends_all_of_them(config_flags, tmp_path):
    with lock(tmp_path / "run"):
        processes = start_two(tmp_path / "run", config_flags)
        told = [process.communicate(timeout=300)[1] for process in processes]
    for process, text in zip(processes, told, strict=True):
        assert process.returncode == 1
        assert f"another run is writing into {tmp_path / 'run'}; wait for it" in text


@pytest.mark.slow
def test_all_processes_pass_over_the_checkpoint_that_is_damaged(
    tiny_config, config_flags, tmp_path
):
    workdir = tmp_path / "run"
    train(tiny_config, workdir, progress=False)
    newer = shutil.copytree(workdir / "checkpoints/8", workdir / "checkpoints/9")
    file = max(newer.glob("optimizer/**/d/*"), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    processes = start_two(workdir, config_flags, "--config.num_steps=10")
    told = [process.communicate(timeout=300) for process in processes]
    for process, (_, error) in zip(processes, told, strict=True):
        assert process.returncode == 0, error
    assert "checkpoints/9 is damaged" in told[0][1]
    assert "renamed to damaged-9; that of step 8 is used instead" in told[0][1]
    assert "Resuming at step 8 of 10" in told[0][0]
    assert "Trained to step 10" in told[0][0]
