"""Starts functions of disk_work.py in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("disk_work.py")


def start(function: str, *arguments: object, space: bool = False) -> subprocess.Popen:
    """Starts a function of disk_work.py; `space`: with process numbers of its own, if allowed."""
    prefix = ["unshare", "--map-root-user", "--pid", "--fork", "--kill-child"]
    if not space or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        prefix = []
    return subprocess.Popen(
        [*prefix, sys.executable, str(SCRIPT), function, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def require_success(*processes: subprocess.Popen) -> list[str]:
    """Waits for processes to end well; returns what they have said."""
    said = [process.communicate(timeout=120)[0] for process in processes]
    for process, text in zip(processes, said, strict=True):
        assert process.returncode == 0, text
    return said


def read_until(process: subprocess.Popen, text: str) -> str:
    """Reads what a process says, up to the line that holds a text."""
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"it ended without saying {text}")
