"""A process that starts anew with huge pages."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mgr_jax import __main__ as program
from mgr_jax import cli, huge_pages

ROOT = Path(__file__).resolve().parent.parent
STARTS = """
import os, signal, sys
from pathlib import Path
from mgr_jax import huge_pages
huge_pages._MODE = Path(sys.argv[1])
{strip}
huge_pages.restart()
ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
print(os.getpid(), os.environ.get("GLIBC_TUNABLES"), sys.argv[2:], ignored, input())
sys.exit(3)
"""


def start(tmp_path, *, strip="", mode="always [madvise] never", ignores=False, **environment):
    (tmp_path / "enabled").write_text(mode)
    unset = {"GLIBC_TUNABLES", huge_pages.SWITCH}
    process = subprocess.Popen(
        [sys.executable, "-c", STARTS.format(strip=strip), tmp_path / "enabled", "a b", "--c=*"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name not in unset}
        | {"PYTHONPATH": str(ROOT)}
        | environment,
        preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if ignores else None,
    )
    out, _ = process.communicate("heard\n", timeout=60)
    assert process.returncode == 3
    assert out.count("\n") == 1
    number, *rest = out.split()
    assert int(number) == process.pid
    assert rest[1:4] == ["['a", "b',", "'--c=*']"]
    assert rest[4:] == [str(ignores), "heard"]
    return rest[0]


@pytest.mark.skipif(huge_pages._glibc() < (2, 35), reason="no glibc that knows the tunable")
def test_a_process_starts_again_once_with_huge_pages_and_stays_itself(tmp_path):
    assert start(tmp_path, ignores=True) == "glibc.malloc.hugetlb=1"
    others = "glibc.malloc.check=0:glibc.malloc.perturb=0"
    told = start(tmp_path, GLIBC_TUNABLES=others)
    assert told == f"{others}:glibc.malloc.hugetlb=1"
    # Where the system takes the tunable away, it is not tried again.
    strip = 'os.environ.pop("GLIBC_TUNABLES", None)'
    assert start(tmp_path, strip=strip) == "None"


@pytest.mark.parametrize(
    ("mode", "environment"),
    [
        ("always [madvise] never", {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}),
        ("always [madvise] never", {huge_pages.SWITCH: "0"}),
        ("always madvise [never]", {}),
        ("[always] madvise never", {}),
    ],
)
def test_a_process_stays_as_it_is_where_somebody_has_decided(tmp_path, mode, environment):
    told = start(tmp_path, mode=mode, **environment)
    assert told == environment.get("GLIBC_TUNABLES", "None")


@pytest.mark.parametrize(
    ("mode", "tunables", "used"),
    [
        ("[always] madvise never", "", True),
        ("always [madvise] never", "", False),
        ("always [madvise] never", "glibc.malloc.hugetlb=1", True),
        ("always [madvise] never", "glibc.malloc.hugetlb=0", False),
        ("always madvise [never]", "glibc.malloc.hugetlb=1", False),
    ],
)
def test_whether_huge_pages_are_in_use_is_known(tmp_path, monkeypatch, mode, tunables, used):
    (tmp_path / "enabled").write_text(mode)
    monkeypatch.setattr(huge_pages, "_MODE", tmp_path / "enabled")
    monkeypatch.setenv("GLIBC_TUNABLES", tunables)
    assert huge_pages.are_in_use() is used


def test_only_the_process_of_a_command_that_computes_starts_again(monkeypatch, capsys):
    started = []
    monkeypatch.setattr(huge_pages, "restart", lambda: started.append(sys.argv))
    for argv in (["--help"], ["train", "--help"], ["init_config", "-h"], ["pretrained", "--help"]):
        monkeypatch.setattr(sys, "argv", ["mgr-jax", *argv])
        assert program.main() == 0
    assert cli.main(["predict"]) == 1
    assert not started
    monkeypatch.setattr(sys, "argv", ["mgr-jax", "predict"])
    assert program.main() == 1
    monkeypatch.setattr(sys, "argv", ["launch/predict.py"])
    assert program.main("predict") == 1
    assert len(started) == 2
    assert {command.partition("_")[0] for command in cli.list_commands()} >= program._COMPUTING
    assert "give --model" in capsys.readouterr().err
