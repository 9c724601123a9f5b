"""launch/tpu_pod.sh: the commands that it prints, and what it does when a TPU VM is preempted."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "launch/tpu_pod.sh"
POD = ("--name=pod", "--zone=here")
WORDS = ("--", "--config=choi2016:model=crnn,data=gtzan", "--workdir=/mnt/share/runs/a b")

# Keeps its words, and in `state` what it says of the TPU VM. Training ends as the next line of
# `trainings` says: with a status, and with the TPU VM in a state.
GCLOUD = """#!/usr/bin/env bash
echo "$@" >> commands
case "$*" in
  *" describe "*) cat state ;;
  *" create "*) echo READY > state ;;
  *" delete "*) : > state ;;
  *"mgr-jax train"*)
    read -r status state < trainings
    sed -i 1d trainings
    echo "$state" > state
    exit "$status" ;;
esac
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", SCRIPT, *words],
        cwd=folder,
        env=os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def cloud(tmp_path):
    """A folder with a wheel, a program in the place of gcloud, and no TPU VM."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gcloud").write_text(GCLOUD)
    (tmp_path / "bin/gcloud").chmod(0o755)
    (tmp_path / "mgr.whl").touch()
    (tmp_path / "state").touch()
    return tmp_path


def verbs(folder: Path) -> list[str]:
    """What gcloud was asked for, without the looks at the state."""
    lines = (folder / "commands").read_text().splitlines()
    found = ["train" if "mgr-jax train" in line else line.split()[3] for line in lines]
    return [verb for verb in found if verb != "describe"]


def test_a_dry_run_prints_commands_that_a_shell_reads_back(tmp_path):
    flags = ("--type=v5litepod-16", "--spot", "--package=dist/mgr.whl", "--share=10.0.0.2:/disk")
    done = run(tmp_path, "train", *POD, *flags, "--dry_run", *WORDS)
    assert done.returncode == 0, done.stderr
    create, mount, copy, python, install, train = map(shlex.split, done.stdout.splitlines())
    tpu_vm = ["gcloud", "compute", "tpus", "tpu-vm"]
    assert create[:6] == [*tpu_vm, "create", "pod"]
    assert {"--accelerator-type=v5litepod-16", "--spot", "--zone=here"} <= set(create)
    assert copy[:7] == [*tpu_vm, "scp", "dist/mgr.whl", "pod:"]
    for command in (mount, python, install, train):
        assert command[:7] == [*tpu_vm, "ssh", "pod", "--worker=all"]
        assert command[8:] == ["--zone=here"]
    assert "mount -t nfs 10.0.0.2:/disk /mnt/share" in mount[7]
    assert "'./mgr.whl[tpu]'" in install[7]
    on_worker = shlex.split(train[7].removeprefix("--command="))
    assert on_worker == ["mgr_jax/bin/mgr-jax", "train", "--coordinator=auto", *WORDS[1:]]


def test_other_commands_in_a_dry_run(tmp_path):
    delete = run(tmp_path, "delete", *POD, "--dry_run").stdout
    assert delete.split()[4:] == ["delete", "pod", "--quiet", "--zone=here"]
    ssh = run(tmp_path, "ssh", *POD, "--dry_run", "--", "df -h | tail -1").stdout
    assert "--command=df -h | tail -1" in shlex.split(ssh)


def test_a_run_goes_on_on_a_new_one_after_a_preemption(cloud):
    (cloud / "trainings").write_text("255 PREEMPTED\n0 READY\n")
    done = run(cloud, "train", *POD, "--package=mgr.whl", *WORDS)
    assert done.returncode == 0, done.stderr
    made = ["create", "scp", "ssh", "ssh", "train"]
    assert verbs(cloud) == [*made, "delete", *made]
    assert "pod is PREEMPTED; the run goes on on a new one" in done.stderr


def test_a_run_that_fails_by_itself_is_not_tried_again(cloud):
    (cloud / "state").write_text("READY\n")
    (cloud / "trainings").write_text("1 READY\n")
    assert run(cloud, "train", *POD, *WORDS).returncode == 1
    assert verbs(cloud) == ["train"]


def test_it_gives_up_after_some_preemptions(cloud):
    (cloud / "trainings").write_text("255 PREEMPTED\n" * 3)
    done = run(cloud, "train", *POD, "--package=mgr.whl", "--tries=1", *WORDS)
    assert done.returncode == 255
    assert verbs(cloud).count("train") == 2
    assert "preempted too often" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "--zone=here", *WORDS], "--name is missing"),
        (["train", *POD], "train needs words for the workers, behind --"),
        (["create", *POD], "--package is missing"),
        (["create", *POD, "--package=none.whl"], "there is no file none.whl"),
        (["create", *POD, "--preemptible"], "there is no flag --preemptible"),
        (["start", *POD], "there is no command start"),
        (["train", *POD, "--tries=many", *WORDS], "--tries=many is no number"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(cloud, words, told):
    done = run(cloud, *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert not (cloud / "commands").exists()


def test_help_names_every_flag(tmp_path):
    help_text = run(tmp_path, "--help").stdout
    source = SCRIPT.read_text(encoding="utf-8")
    flags = {line.split("=")[0].split(")")[0].strip() for line in source.splitlines()
             if line.startswith("    --") and ")" in line} - {"--"}  # fmt: skip
    assert {"--name", "--spot", "--dry_run"} <= flags
    assert all(f"  {flag}" in help_text for flag in flags)
