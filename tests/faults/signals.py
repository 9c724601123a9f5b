"""Commands that are stopped by SIGTERM and Ctrl-C, at any moment, and go on.

They are real ones, in process groups of their own; a signal is sent to the group, as a terminal,
`timeout` and Slurm do.
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
from commands import (
    content_of,
    difference,
    leftovers,
    make_music,
    numbers_of,
    prepare,
    tell,
    write_config,
    xla_flags,
)

from mgr_jax.signals import STATUS

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 300.0  # seconds after which a command hangs
# One loop of the page; {} is the command.
LOOP = "while :; do timeout --preserve-status -s TERM {seconds} {command}; status=$?; echo $status;\
 case $status in 75|143) ;; *) exit $status ;; esac; done"
_ENVIRONMENT = os.environ | {
    "PYTHONPATH": str(ROOT),
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": xla_flags(1),
}
_NUMBERS = (signal.SIGTERM, signal.SIGINT)


def run(folder: Path, *, reduced: bool = False) -> dict[str, str]:
    """Stops commands, and compares what they come to with those that nobody stopped."""
    music = make_music(folder / "music")
    data = folder / "data"
    prepare(music, data)
    train = _Train(folder, data, steps=100 if reduced else 240)
    with _heard():
        whole = folder / "whole"
        taken = train.finish(whole)
        expected = numbers_of(whole)
        figures = {}
        figures |= _at_the_start(train, folder, taken, count=1 if reduced else 20)
        figures |= _in_the_loop(train, folder, expected, count=1 if reduced else 24)
        if not reduced:
            figures |= _while_preparing(folder, music, count=6)
            figures |= _while_predicting(folder, whole, music, count=6)
            figures |= _two_processes(train, folder, count=4)
            figures |= _in_a_shell(train, folder, expected, taken)
            figures |= _first_of_a_container(train, folder)
    return figures


class _Command:
    """A command of mgr-jax at work, in a process group of its own."""

    def __init__(self, *arguments: object, before: Sequence[str] = ()) -> None:
        command, *rest = map(str, arguments)
        self.words = [*before, sys.executable, str(ROOT / f"launch/{command}.py"), *rest]
        self._process = subprocess.Popen(
            self.words,
            env=_ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self.seconds = 0.0  # that the last signal took to end it
        self._sent = 0.0

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self, number: int) -> None:
        """Sends a signal to the group."""
        self._sent = time.perf_counter()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def wait(self, condition: Callable[[], object]) -> None:
        """Waits until something holds, or it has ended."""
        deadline = time.monotonic() + LIMIT
        while self.alive and not condition():
            assert time.monotonic() < deadline, f"{self.words} waited in vain"
            time.sleep(0.02)

    def wait_for_log(self, run: Path, lines: int = 0) -> None:
        """Waits until the log of a run has more lines than that."""
        self.wait(lambda: _rows(run) > lines)

    def end(self) -> tuple[int, str]:
        """Waits until it has ended; its status, and what it said."""
        try:
            said = self._process.communicate(timeout=LIMIT)[0]
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            raise AssertionError(
                f"{self.words} goes on: {self._process.communicate()[0]}"
            ) from None
        self.seconds = time.perf_counter() - self._sent
        assert "Traceback" not in said, said
        return self._process.returncode, said

    def ended_by(self, number: int, done: Callable[[str], bool] = lambda said: False) -> bool:
        """Whether a signal ended it; else it had been done before.

        Args:
          number: of the signal.
          done: whether all is done, of what it said: it may be that Python is ending then, when a
            signal does what it does by default.
        """
        status, said = self.end()
        if status == -number and done(said):
            return False
        assert status in (0, STATUS[number]), f"{self.words} ended with {status}: {said}"
        return status != 0


class _Train:
    """`mgr-jax train` of one config."""

    def __init__(self, folder: Path, data: Path, steps: int) -> None:
        self.config = write_config(
            folder / "config.py", data, num_steps=steps, eval_every=steps // 4, log_every=1
        )

    def start(self, run: Path, *more: str, before: Sequence[str] = ()) -> _Command:
        flags = (self.config, f"--workdir={run}", "--noprogress")
        return _Command("train", *flags, *more, before=before)

    def finish(self, run: Path) -> float:
        """Trains to the end; returns the seconds until its first step."""
        since = time.perf_counter()
        command = self.start(run)
        command.wait_for_log(run)
        taken = time.perf_counter() - since
        status, said = command.end()
        assert status == 0, said
        return taken


def _at_the_start(train: _Train, folder: Path, taken: float, *, count: int) -> dict[str, str]:
    """Signals before the first step: imports, data, compilation."""
    ends, unheard = [], 0
    for index in range(count):
        number = _NUMBERS[index % 2]
        run = folder / f"start-{index}"
        command = train.start(run)
        # The interpreter itself takes a moment, in which a signal does what it does by default.
        time.sleep(taken * (0.5 if count == 1 else random.Random(index).uniform(0.05, 0.95)))
        command.stop(number)
        try:
            command.ended_by(number)
        except AssertionError:
            if command._process.returncode != -number:
                raise
            unheard += 1
        ends.append(command.seconds)
        shutil.rmtree(run, ignore_errors=True)
    tell(f"{count} signals before the first step")
    return {"starts": str(count), "unheard": str(unheard)} | _seconds("start", ends)


def _in_the_loop(train: _Train, folder: Path, expected: dict, *, count: int) -> dict[str, str]:
    """Signals between the first step and the last: updates, evaluations, saving."""
    ends, runs = [], 0
    while len(ends) < count:
        run, begun, ended = folder / f"loop-{runs}", 0, False
        while not ended:
            number, chance = _NUMBERS[len(ends) % 2], random.Random(1000 * runs + len(ends))
            command = train.start(run)
            if len(ends) < count:
                command.wait_for_log(run, begun)
                time.sleep(chance.uniform(0, 1))
                command.stop(number)
            ended = not command.ended_by(number, lambda said: "Trained to step" in said)
            if not ended:
                ends.append(command.seconds)
            begun = _rows(run)
        runs += 1
        assert not (differs := difference(numbers_of(run), expected)), differs
        assert not leftovers(run)
        shutil.rmtree(run)
    tell(f"{len(ends)} signals while it trained")
    return {"stops": str(len(ends)), "runs": str(runs)} | _seconds("stop", ends)


def _while_preparing(folder: Path, music: Path, *, count: int) -> dict[str, str]:
    """Signals that worker processes get too."""
    flags = ("--dataset=audio_folder", f"--manual_dir={music}", "--name=music", "--noprogress")

    def start(data: Path) -> _Command:
        return _Command("prepare_data", *flags, f"--data_dir={data}", "--workers=2")

    since = time.perf_counter()
    status, said = start(folder / "prepared").end()
    assert status == 0, said
    taken, expected = time.perf_counter() - since, _dataset(folder / "prepared")
    ends = []
    for index in range(count):
        number, data = _NUMBERS[index % 2], folder / f"prepared-{index}"
        command = start(data)
        command.wait(psutil.Process(command.pid).children)
        time.sleep(random.Random(index).uniform(0, taken / 3))
        command.stop(number)
        if command.ended_by(number, lambda said: "Prepared" in said):
            ends.append(command.seconds)
        status, said = start(data).end()
        assert status == 0, said
        assert _dataset(data) == expected, "another dataset"
        assert not leftovers(data)
    tell(f"{len(ends)} signals while it prepared a dataset")
    return {"prepared": str(len(ends))} | _seconds("prepare", ends)


def _dataset(data: Path) -> dict[str, bytes]:
    """A dataset's files, but for its records, whose fields come in another order each time.

    The cache has been made of the records, and holds all of them.
    """
    return {
        name: content
        for name, content in content_of(data).items()
        if "array_record" not in name and not name.endswith("1.0.0/sums.json")
    }


def _while_predicting(folder: Path, model: Path, music: Path, *, count: int) -> dict[str, str]:
    def start(out: Path) -> _Command:
        return _Command("predict", f"--model={model}", music, f"--out={out}", "--workers=2")

    def results(out: Path) -> list[bytes]:
        paths = [out.with_suffix(suffix) for suffix in (".jsonl", ".csv")]
        return [path.read_bytes() for path in paths if path.exists()]

    since = time.perf_counter()
    whole = folder / "whole_results"
    status, said = start(whole).end()
    assert status == 0, said
    taken, ends = time.perf_counter() - since, []
    for index in range(count):
        number, out = _NUMBERS[index % 2], folder / f"results{index}"
        command = start(out)
        time.sleep(random.Random(index).uniform(0.3, 1) * taken)
        command.stop(number)
        if command.ended_by(number, lambda _, out=out: results(out) == results(whole)):
            ends.append(command.seconds)
        status, said = start(out).end()
        assert status == 0, said
        assert results(out) == results(whole)
    tell(f"{len(ends)} signals while it predicted")
    return {"predicted": str(len(ends))} | _seconds("predict", ends)


def _two_processes(train: _Train, folder: Path, *, count: int) -> dict[str, str]:
    """A run over two processes: a signal to both of them, or to one."""
    run, other, ends = folder / "two", folder / "two-whole", []
    for command in _start_two(train, other):
        status, said = command.end()
        assert status == 0, said
    for index in range(count):
        begun, number = _rows(run), _NUMBERS[index % 2]
        both = _start_two(train, run)
        both[0].wait_for_log(run, begun + 5)
        for command in both if index < 2 else both[index % 2 :][:1]:
            command.stop(number)
        told = [command.end() for command in both]
        assert {status for status, _ in told} == {STATUS[number]}, told
        steps = [said.partition("stopped at step ")[2].partition(";")[0] for _, said in told]
        assert steps[0] == steps[1] != "", told
        ends += [max(command.seconds for command in both if command._sent)]
    for command in _start_two(train, run):
        status, said = command.end()
        assert status == 0, said
    assert not (differs := difference(numbers_of(run), numbers_of(other))), differs
    tell(f"{count} signals to one or both of two processes")
    return {"pairs": str(count)} | _seconds("pair", ends)


def _start_two(train: _Train, run: Path) -> list[_Command]:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    joined = (f"--coordinator=localhost:{port}", "--num_processes=2")
    return [train.start(run, *joined, f"--process_id={index}") for index in range(2)]


def _in_a_shell(train: _Train, folder: Path, expected: dict, taken: float) -> dict[str, str]:
    """The loop of the page, with less patience."""
    run = folder / "shell"
    words = train.start(folder / "unused")
    words.stop(signal.SIGKILL)
    words.end()
    command = " ".join(words.words).replace(str(folder / "unused"), str(run))
    seconds = taken + 1.0
    done = subprocess.run(
        ["bash", "-c", LOOP.format(seconds=seconds, command=command)],
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert not (differs := difference(numbers_of(run), expected)), differs
    rounds = done.stdout.count("75\n")
    tell(f"stopped {rounds} times by timeout")
    return {"rounds": str(rounds)}


def _first_of_a_container(train: _Train, folder: Path) -> dict[str, str]:
    """A process that is number 1, for which the kernel drops signals that have no handler."""
    space = ["unshare", "--map-root-user", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*space, "true"], capture_output=True, check=False).returncode:
        return {"container": "was not tried, as that is not allowed here"}
    run = folder / "container"
    command = train.start(run, before=space)
    command.wait_for_log(run)
    (first,) = psutil.Process(command.pid).children()
    command._sent = time.perf_counter()
    first.terminate()
    status, said = command.end()
    assert status == 75, said
    return {"container": f"ended {command.seconds:.1f} s after SIGTERM, with 75"}


def _rows(run: Path) -> int:
    """Lines of the log of a run so far."""
    path = run / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@contextlib.contextmanager
def _heard() -> Iterator[None]:
    """Processes that are started hear Ctrl-C, which those in the background of a shell do not."""
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old)


def _seconds(name: str, ends: Sequence[float]) -> dict[str, str]:
    if not ends:
        return {f"{name}_median": "–", f"{name}_longest": "–"}
    return {
        f"{name}_median": f"{statistics.median(ends):.1f}",
        f"{name}_longest": f"{max(ends):.1f}",
    }
