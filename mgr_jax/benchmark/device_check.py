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

from mgr_jax.errors import UserError
from mgr_jax.files import expand, read_json, require_writable, write_json

log = logging.getLogger(__name__)

# Seconds that each may take; those after it get what is left of TOTAL.
PARTS = {
    "machine": 45,
    "prepare": 75,
    "train pmap": 75,
    "evaluate": 45,
    "step sample_cnn": 75,
    "step choi_crnn": 75,
    "step short_chunk": 75,
    "step resnet18": 75,
    "train jit": 75,
    "frontends": 75,
}
TOTAL = 340
# Fewer seconds are not worth a start.
_LEAST = 10
_LAST_LINES = 15


def check_device(
    out: str | os.PathLike[str],
    *,
    tiny: bool = False,
    parts: Mapping[str, float] = PARTS,
    seconds: float = TOTAL,
    patience: float = 1.0,
) -> dict[str, Any]:
    """Runs the parts and writes the report after each of them.

    Args:
      out: the JSON file to write.
      tiny: everything as small as it can be, for a test on a CPU.
      parts: names in order, with the seconds that each may take.
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
        for name, limit in parts.items():
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
    if name.startswith("step "):  # PyTorch uses one, so that we do too
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


def format_steps(report: Mapping[str, Any]) -> str:
    """The training steps of a report as a table in Markdown: median milliseconds (quartiles)."""
    names = [
        f"{system} {dtype}"
        for dtype in ("float32", "bfloat16")
        for system in ("mgr_jax", "PyTorch eager", "PyTorch compiled")
    ]
    lines = ["| network, batch | " + " | ".join(names) + " |", "|---|" + "--:|" * len(names)]
    for part, outcome in report["parts"].items():
        result = outcome.get("result", {})
        if not part.startswith("step ") or "milliseconds" not in result:
            continue
        cells = [f"{result['model']}, {result['batch']}"]
        for name in names:
            found = result["milliseconds"].get(name)
            quartiles = (
                [found[f"{place}_quartile"] for place in ("first", "third")] if found else []
            )
            spread = "–".join(f"{value:.2f}" for value in quartiles)
            cells.append(f"{found['median']:.2f} ({spread})" if found else "–")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


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
    log.info(format_steps(report))
    failed = [name for name, part in report["parts"].items() if not part["ok"]]
    log.info(f"{len(report['parts']) - len(failed)} parts done, {len(failed)} failed: {out}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
