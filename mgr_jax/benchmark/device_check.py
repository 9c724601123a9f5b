"""Checks mgr_jax on a device, unattended: several parts with time limits, one JSON report.

    python -m mgr_jax.benchmark.device_check gpu_check.json full

Every part runs in its own process, so that none can end the others. `launch/gpu_check.sh` calls
this. This process itself never starts jax.
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

# Limit of each part in seconds; later parts get what is left of TOTAL.
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
# Parts for a CPU: one network is enough there.
TINY_PARTS = {
    name: limit
    for name, limit in PARTS.items()
    if not name.startswith("step ") or name == "step sample_cnn"
}
# With less time left, a part is not started.
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
      tiny: everything as small as possible, for a test on a CPU.
      parts: names in order, with a limit in seconds for each; None: all.
      seconds: limit for all of them together.
      patience: factor of both, for a slow or busy machine.

    Returns:
      The report: "date", "tiny", "seconds", and "parts" by name: "ok", "seconds", "result" (partial
      if the part failed), and after a failure "error", a sentence, and "log", the last lines of
      its output.

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
    # The module is found beside this one, whatever the current folder.
    command = [sys.executable, "-m", f"{__package__}.device_parts", name, str(folder)]
    root = str(Path(__file__).resolve().parents[2])
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])]),
        # JAX and PyTorch share a device.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    if name.startswith(("step ", "audio")):  # PyTorch uses one, so we do too
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
        finally:  # also its own processes, which may outlive it
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    seconds = time.monotonic() - start
    try:
        part = read_json(folder / f"{name}.json", "run the check again")
    except UserError:  # it ended before writing its file
        part = {}
    if not error and child.returncode and "error" not in part:
        error = f"its process ended with code {child.returncode}"
    error = error or part.pop("error", "")
    if not error:
        return {"ok": True, "seconds": seconds, **part}
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines()
    return {"ok": False, "seconds": seconds, "error": error, **part, "log": lines[-_LAST_LINES:]}


def _stop(number: int, frame: Any) -> None:
    sys.exit(128 + number)  # through the `finally` that ends a part's processes


def main() -> int:
    """Runs the check.

    Returns:
      The exit code, 1 if a part failed.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    signal.signal(signal.SIGTERM, _stop)
    out, size = sys.argv[1:]
    try:
        # Limits are for a GPU; the tiny check runs on a CPU, which may be shared.
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
