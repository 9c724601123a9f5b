"""One run goes from devices to devices, as if it had been on the same ones all along."""

import socket
from pathlib import Path

from commands import Command, log_of, make_music, prepare, tell, write_config

# Between losses: sums of other shapes are rounded in other ways, which grows with the steps.
LIMIT = 1e-4
EVERY = 3  # steps on each
# Processes, devices of each, and config.partition.
MOVES = ((1, 4, "pmap"), (1, 2, "pmap"), (1, 1, "pmap"), (2, 1, "pmap"), (1, 4, "jit"))


def run(folder: Path, *, reduced: bool = False) -> dict[str, str]:
    """Trains on four devices, two, one, two processes of one each, and with the other partition."""
    prepare(make_music(folder / "music"), folder / "data")
    every, moves = (2, ((1, 4, "pmap"), (1, 1, "jit"))) if reduced else (EVERY, MOVES)
    flag = write_config(
        folder / "config.py",
        folder / "data",
        augment=({"name": "noise", "p": 0.5}, {"name": "mixup", "alpha": 0.4}),
        model={"kwargs": {"dropout": 0.5}},
        schedule={"name": "constant"},
        batch_size=8,
        eval_every=every,
    )
    workdir, whole, last = folder / "moved", folder / "undisturbed", 0
    for processes, devices, partition in moves:
        last += every
        flags = [flag, f"--config.num_steps={last}", f"--config.partition={partition}"]
        _train(*flags, f"--workdir={workdir}", processes=processes, devices=devices)
        tell(f"{processes} of {devices} devices, {partition}: up to step {last}")
    _train(flag, f"--config.num_steps={last}", f"--workdir={whole}", processes=1, devices=4)
    here, there = _losses(workdir), _losses(whole)
    assert here.keys() == there.keys() == set(range(1, last + 1)), sorted(here)
    largest = max(abs(here[step] - there[step]) for step in here)
    tell(f"the losses differ by {largest:.1e} at most")
    assert largest <= LIMIT, {step: abs(here[step] - there[step]) for step in here}
    return {"steps": f"{last}", "difference": f"{largest:.0e}", "limit": f"{LIMIT:.0e}"}


def _losses(workdir: Path) -> dict[int, float]:
    return {row["step"]: row["train/loss"] for row in log_of(workdir) if "train/loss" in row}


def _train(*flags: str, processes: int, devices: int) -> None:
    """Trains in some processes, of so many devices each."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    several = (f"--coordinator=localhost:{port}", f"--num_processes={processes}")
    joined = [(*several, f"--process_id={i}") if processes > 1 else () for i in range(processes)]
    commands = [Command("train", *flags, *more, devices=devices) for more in joined]
    try:
        for command in commands:
            command.finish()
    finally:
        for command in commands:
            command.kill()
            command.forget()
