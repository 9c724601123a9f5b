"""Tries mgr_jax on a device, unattended: part after part, each under a limit of time, to one JSON.

    python -m mgr_jax.benchmark.device_check gpu_check.json full

Every part is a process of its own, so that none can take the others down; `launch/gpu_check.sh`
calls this. This process itself never starts jax.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mgr_jax.benchmark.device_report import format_check
from mgr_jax.errors import UserError
from mgr_jax.files import expand, read_json, require_writable, write_json

log = logging.getLogger(__name__)

# Seconds that each may take; those after it get what is left of TOTAL.
PARTS = {
    "machine": 45,
    "prepare": 60,
    "train pmap": 60,
    "evaluate": 45,
    "audio": 120,
    "step short_chunk": 60,
    "step resnet18": 60,
    "step sample_cnn": 60,
    "step choi_crnn": 60,
    "frontends": 60,
    "train jit": 60,
    "step efficientat": 75,
}
TOTAL = 480
# What is tried on a CPU: one network is enough there.
TINY_PARTS = {
    name: limit
    for name, limit in PARTS.items()
    if not name.startswith("step ") or name == "step sample_cnn"
}
# Fewer seconds are not worth a start.
_LEAST = 10
_LAST_LINES = 15


def check_device(
    out: str | os.PathLike[str],
    *,
    tiny: bool = False,
    parts: Mapping[str, float] | None = None,
    seconds: float = TOTAL,
    patience: float = 1.0,
) -> dict[str, Any]:
    """Runs the parts and writes the report after each of them.

    Args:
      out: the JSON file to write.
      tiny: everything as small as it can be, for a test on a CPU.
      parts: names in order, with the seconds that each may take; None: all.
      seconds: that all of them may take together.
      patience: factor of both, for a machine that is slow or busy.

    Returns:
      The report: "date", "tiny", "seconds", and "parts" by name: "ok", "seconds", "result" (of a
      part that failed, as far as it came), and where it failed "error", a sentence, and "log", the
      last lines that it wrote.

    Raises:
      UserError: the file cannot be written.
    """
    path = expand(out).absolute()
    require_writable(path)
    started = time.monotonic()
    found: dict[str, Any] = {}
    report = {
        "check": "device",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "tiny": tiny,
        "seconds": 0.0,
        "parts": found,
    }
    with tempfile.TemporaryDirectory(prefix="mgr_jax_check_", ignore_cleanup_errors=True) as folder:
        for name, limit in (parts or (TINY_PARTS if tiny else PARTS)).items():
            left = patience * seconds - (time.monotonic() - started)
            if left < min(_LEAST, limit):
                found[name] = {"ok": False, "seconds": 0.0, "error": "not run: the time was up"}
            else:
                found[name] = _run_part(name, Path(folder), tiny, min(patience * limit, left))
            part = found[name]
            outcome = "done" if part["ok"] else part["error"]
            log.info(f"{name}: {outcome} ({part['seconds']:.1f} s)")
            report["seconds"] = time.monotonic() - started
            write_json(path, report)
    return report


def _run_part(name: str, folder: Path, tiny: bool, limit: float) -> dict[str, Any]:
    # The module is found where this one was, whatever the folder that the check was started in.
    command = [sys.executable, "-m", f"{__package__}.device_parts", name, str(folder)]
    root = str(Path(__file__).resolve().parents[2])
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])]),
        # JAX and PyTorch share a device.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    if name.startswith(("step ", "audio")):  # PyTorch uses one, so that we do too
        first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
        environment["CUDA_VISIBLE_DEVICES"] = first
    start, error = time.monotonic(), ""
    output = folder / f"{name}.log"
    with output.open("wb") as file:
        child = subprocess.Popen(
            [*command, "tiny" if tiny else "full"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            child.wait(limit)
        except subprocess.TimeoutExpired:
            error = f"stopped: it took longer than {limit:.0f} s"
        finally:  # its own processes too, which may outlive it
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    seconds = time.monotonic() - start
    try:
        part = read_json(folder / f"{name}.json", "run the check again")
    except UserError:  # it did not come that far
        part = {}
    if not error and child.returncode and "error" not in part:
        error = f"its process ended with code {child.returncode}"
    error = error or part.pop("error", "")
    if not error:
        return {"ok": True, "seconds": seconds, **part}
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines()
    return {"ok": False, "seconds": seconds, "error": error, **part, "log": lines[-_LAST_LINES:]}


def _stop(number: int, frame: Any) -> None:
    sys.exit(128 + number)  # by way of the `finally` that ends a part's processes


def main() -> int:
    """Runs the check; returns the exit code, 1 if a part failed."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    signal.signal(signal.SIGTERM, _stop)
    out, size = sys.argv[1:]
    try:
        # Limits are a GPU's; what is tiny is tried on a CPU, which others may use.
        tiny = size == "tiny"
        report = check_device(out, tiny=tiny, patience=10 if tiny else 1)
    except UserError as error:
        log.error(error)
        return 1
    log.info(format_check(report))
    failed = [name for name, part in report["parts"].items() if not part["ok"]]
    log.info(f"{len(report['parts']) - len(failed)} parts done, {len(failed)} failed: {out}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
