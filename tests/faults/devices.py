"""One run goes from devices to devices, as if it had been on the same ones all along."""

import socket
from pathlib import Path

from commands import Command, log_of, make_music, prepare, tell, write_config

# Between losses: sums of other shapes are rounded in other ways, which grows with the steps.
LIMIT = 1e-4
EVERY = 3  # steps on each


def run(folder: Path, *, reduced: bool = False) -> dict[str, str]:
    """Trains on four devices, two, one, two processes of one each, and with the other partition."""
    prepare(make_music(folder / "music"), folder / "data")
    every = 2 if reduced else EVERY
    flag = write_config(
        folder / "config.py",
        folder / "data",
        augment=({"name": "noise", "p": 0.5}, {"name": "mixup", "alpha": 0.4}),
        model={"kwargs": {"dropout": 0.5}},
        schedule={"name": "constant"},
        batch_size=8,
        eval_every=every,
    )
    workdir, places = folder / "moved", ("4 devices", "2 devices", "1 device")
    for number, name in enumerate((*places, "two processes", "4 devices, the other partition")):
        flags = [flag, f"--workdir={workdir}", f"--config.num_steps={every * (number + 1)}"]
        if name == "two processes":
            _finish_two(*flags)
        elif "partition" in name:
            Command("train", *flags, "--config.partition=jit", devices=4).finish()
        else:
            Command("train", *flags, devices=int(name[0])).finish()
        tell(f"{name}: up to step {every * (number + 1)}")
    whole = folder / "undisturbed"
    flags = [flag, f"--workdir={whole}", f"--config.num_steps={every * 5}"]
    Command("train", *flags, devices=4).finish()
    here, there = _losses(workdir), _losses(whole)
    assert here.keys() == there.keys() == set(range(1, every * 5 + 1)), sorted(here)
    largest = max(abs(here[step] - there[step]) for step in here)
    tell(f"the losses differ by {largest:.1e} at most")
    assert largest <= LIMIT, {step: abs(here[step] - there[step]) for step in here}
    return {"steps": f"{every * 5}", "difference": f"{largest:.0e}", "limit": f"{LIMIT:.0e}"}


def _losses(workdir: Path) -> dict[int, float]:
    return {row["step"]: row["train/loss"] for row in log_of(workdir) if "train/loss" in row}


def _finish_two(*flags: str) -> None:
    """Trains in two processes, of a device each."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    joined = (*flags, f"--coordinator=localhost:{port}", "--num_processes=2")
    processes = [Command("train", *joined, f"--process_id={i}", devices=1) for i in range(2)]
    for process in processes:
        process.finish()
