"""launch/slurm.sh, with programs in the place of Slurm's that do on this machine what they do."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "launch/slurm.sh"

# Starts two tasks, with what Slurm tells them, and ends with the highest of their statuses.
SRUN = """#!/usr/bin/env bash
while [[ $1 == --* ]]; do echo "$1" >> srun.txt; shift; done
export SLURM_STEP_NODELIST=localhost SLURM_NTASKS=2 SLURM_STEP_NUM_NODES=1
for task in 0 1; do
  SLURM_PROCID=$task SLURM_LOCALID=$task "$@" &
  tasks[task]=$!
done
worst=0
for task in "${tasks[@]}"; do
  status=0
  wait "$task" || status=$?
  (( status > worst )) && worst=$status
done
exit "$worst"
"""
SCONTROL = '#!/usr/bin/env bash\necho "$@" >> scontrol.txt\n'


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def submit(tmp_path):
    """Runs the script as a job with number 7, in a folder of its own."""
    (tmp_path / "bin").mkdir()
    write_program(tmp_path / "bin/srun", SRUN)
    write_program(tmp_path / "bin/scontrol", SCONTROL)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    programs = [tmp_path / "bin", Path(sys.executable).parent, os.environ["PATH"]]
    own = {
        "PATH": os.pathsep.join(map(str, programs)),
        "PYTHONPATH": str(ROOT),
        "SLURM_JOB_ID": "7",
        "JAX_COORDINATOR_PORT": str(port),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }

    def run(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", SCRIPT, *words],
            cwd=tmp_path,
            env=os.environ | own,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_dry_run_shows_the_command_and_starts_nothing(submit, tmp_path):
    done = submit("--dry_run", "--config=demo", "--workdir=a b")
    command = "srun --gpu-bind=none mgr-jax train --coordinator=auto --config=demo --workdir=a\\ b"
    assert done.stdout.strip() == command
    assert not (tmp_path / "srun.txt").exists()


def test_its_help_is_what_stands_at_its_top(submit):
    done = submit("--help")
    assert done.returncode == 0
    assert "sbatch --nodes=2" in done.stdout
    assert "#" not in done.stdout


@pytest.mark.parametrize(("status", "again"), [(75, "requeue 7\n"), (1, ""), (0, "")])
def test_what_was_stopped_is_queued_again_and_what_has_failed_is_not(
    submit, tmp_path, status, again
):
    write_program(tmp_path / "bin/mgr-jax", f"#!/usr/bin/env bash\nexit {status}\n")
    assert submit("--config=demo", "--workdir=a").returncode == status
    told = tmp_path / "scontrol.txt"
    assert (told.read_text() if told.exists() else "") == again


@pytest.mark.slow
def test_the_processes_find_each_other_by_what_slurm_tells_them(submit, tiny_config, tmp_path):
    tiny_config.num_steps = tiny_config.eval_every = 2
    (tmp_path / "tiny.py").write_text(
        "from mgr_jax.config import from_json\n"
        "def get_config():\n"
        f"    return from_json({tiny_config.to_json()!r})\n"
    )
    done = submit("--config=tiny.py", "--workdir=run")
    assert done.returncode == 0, done.stderr
    assert "streamed to 4 cpu device(s)" in done.stdout  # of two processes
    assert done.stdout.count("Trained to step 2") == 1
    assert (tmp_path / "srun.txt").read_text() == "--gpu-bind=none\n"
