"""One bad item costs one item, whatever it does to its process; and no process is left behind."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from multiprocessing import connection
from pathlib import Path

import psutil
import pytest
from errors import user_error

from mgr_jax import workers as pool
from mgr_jax.errors import UserError
from mgr_jax.workers import Failure, map_in_processes

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0  # seconds, for a machine with much else to do


def work(item: int) -> int:
    if item == 2:
        raise UserError("two cannot be decoded", code="audio.damaged")
    if item == 3:
        os._exit(11)
    if item == 4:
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # not the test runner's faulthandler
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == 5:
        os.kill(os.getpid(), signal.SIGKILL)  # what the kernel does where memory runs out
    return item * item


def test_order_is_kept_and_crashes_cost_their_item_and_name_it():
    results = dict(map_in_processes(work, range(12), workers=2, name="clip {}".format))
    assert list(results) == list(range(12))
    assert results.pop(2) == Failure("two cannot be decoded", "audio.damaged")
    codes = [results[item].code for item in (3, 4, 5)]
    assert codes == ["workers.crashed", "workers.crashed", "workers.killed"]
    reasons = [results.pop(item).reason for item in (3, 4, 5)]
    assert reasons[0].startswith("the process that worked on clip 3 crashed (exit code 11); ")
    assert reasons[1].startswith("the process that worked on clip 4 crashed (SIGSEGV); ")
    assert reasons[2].startswith("the process that worked on clip 5 was killed, as happens where ")
    assert results == {item: item * item for item in results}


def die_sending(item: int) -> bytes:
    if item == 1:
        send = connection.Connection._send

        def send_half(self, content, *rest):
            if len(content) > 1_000:
                os.write(self.fileno(), bytes(content[:1_000]))
                os.kill(os.getpid(), signal.SIGKILL)
            send(self, content, *rest)

        connection.Connection._send = send_half
        return b"large" * 1_000_000
    time.sleep(0.02)
    return b""


def test_one_that_is_killed_while_it_sends_does_not_stop_the_others():
    results = dict(map_in_processes(die_sending, range(20), workers=2))
    assert "on 1 was killed" in results.pop(1).reason
    assert list(results.values()) == [b""] * 19


def hang(item: int) -> int:
    if item in (1, 2):
        if item == 2:  # cannot be asked to end
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(10 * PATIENCE)
    return os.getpid()


def test_a_hang_costs_its_item_and_its_worker():
    results = dict(map_in_processes(hang, range(7), workers=1, time_limit=2.0))
    for item in (1, 2):
        assert results[item] == Failure(
            f"work on {item} was given up after 2 s; leave it out or replace it",
            "workers.timed_out",
        )
    pids = [results[item] for item in (0, 3, 4, 5, 6)]
    assert len(set(pids)) == 2
    assert not any(map(psutil.pid_exists, pids))


def test_time_limits_count_from_when_an_item_is_begun():
    """Neither what waits its turn nor what waits to be taken is a hang."""
    some = map_in_processes(nap, range(8), workers=1, time_limit=3.0)
    first = next(some)
    time.sleep(4.0)
    assert [first, *some] == [(item, item) for item in range(8)]


def nap(item: int) -> int:
    time.sleep(0.5)
    return item


def fail(item: int) -> int:
    raise ZeroDivisionError(item)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bug_is_no_bad_item(workers):
    with pytest.raises(ZeroDivisionError) as caught:
        list(map_in_processes(fail, range(3), workers=workers))
    shown = "".join(pool.traceback.format_exception(caught.value))
    assert "test_workers.py" in shown
    assert "in fail" in shown


class StubbornError(Exception):
    def __init__(self, one, two):
        super().__init__(one)


def fail_oddly(item: int):
    if item == 0:
        raise StubbornError(1, 2)  # can be packed, but not unpacked
    return (lambda: item) if item == 1 else item


@pytest.mark.parametrize(("item", "said"), [(0, "StubbornError: 1"), (1, "lambda")])
def test_what_cannot_travel_is_told(item, said):
    with pytest.raises(Exception, match=said) as caught:
        list(map_in_processes(fail_oddly, [item], workers=1))
    assert "In the worker process:\nTraceback" in caught.value.__notes__[0]


def refuse(*_) -> None:
    raise UserError("scikit-learn is not installed", code="package.missing")


class Unloadable:
    """A function that no worker can load."""

    def __reduce__(self):
        return refuse, ()

    def __call__(self, item: int) -> int:
        return item


def test_an_error_keeps_its_code_on_its_way_from_a_worker():
    with user_error("package.missing", "scikit-learn") as caught:
        list(map_in_processes(Unloadable(), range(3), workers=1))
    assert "in refuse" in caught.value.__notes__[0]


def test_an_item_that_cannot_be_sent_spoils_none_before_it():
    some = map_in_processes(abs, [-1, -2, lambda: 3, -4], workers=2)
    assert [next(some), next(some)] == [(-1, 1), (-2, 2)]
    with pytest.raises(Exception, match="lambda"):
        next(some)


def size(item: bytes) -> bytes:
    return item + item


@pytest.mark.parametrize("workers", [0, 2])
def test_items_are_taken_as_they_are_needed(workers):
    taken = []

    def items():
        for item in [None, b"", b"large" * 1_000_000, *[b"x"] * 40]:
            taken.append(item)
            yield item

    some = map_in_processes(bool, items(), workers=workers, ahead=3)
    assert next(some) == (None, False)
    assert len(taken) == max(1, 3 * workers)
    assert [result for _, result in some] == [False, *[True] * 41]
    assert dict(map_in_processes(size, [b"large" * 1_000_000], workers=workers)).popitem() == (
        b"large" * 1_000_000,
        b"large" * 2_000_000,
    )


def wait_long_or_not(item: int) -> int:
    time.sleep(1.5 if item == 1 else 0.0)
    return item


@pytest.mark.parametrize("overtake", [0, 3, 1_000])
def test_items_may_overtake_one_that_takes_long(overtake):
    """But no more of them than are allowed to."""
    taken = []
    items = (taken.append(n) or n for n in range(30))
    some = map_in_processes(wait_long_or_not, items, workers=2, ahead=3, overtake=overtake)
    found = []
    for item, result in some:
        assert item == result
        found.append(item)
        assert len(taken) - len(found) < 6
    assert sorted(found) == list(range(30))
    assert found.index(1) == (29 if overtake == 1_000 else 1 + overtake)
    if not overtake:
        assert found == list(range(30))


def write_a_lot(item: int) -> int:
    os.write(2, b"decoder's remark\n")
    return item


def test_remarks_of_decoders_are_not_shown(capfd):
    assert dict(map_in_processes(write_a_lot, [1], workers=1)) == {1: 1}
    assert capfd.readouterr().err == ""


# Scripts, which are killed while their workers compute, wait for items, or start.

SCRIPT = """
import os, pathlib, signal, sys, time
from mgr_jax.workers import map_in_processes

folder = pathlib.Path({folder!r})

def mark(kind):
    (folder / f"{{kind}}-{{os.getpid()}}").touch()

def compute(item):
    mark("worker")
    if {busy}:
        sum(range(10 ** 14))  # one call into C, which holds the interpreter
    return item

if __name__ == "__mp_main__" and {slow_start}:
    mark("worker")
    time.sleep(1)

if __name__ == "__main__":
    # A shell's background job, as a test run can be, ignores Ctrl-C and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for item, result in map_in_processes(compute, range(2), workers=2):
        while item == 1:  # both have worked, and wait
            time.sleep(0.1)
"""


def start(folder: Path, *, busy: bool = False, slow_start: bool = False, workers: int = 2):
    """A script in a session of its own, and the numbers of the workers that it has started."""
    script = folder / "script.py"
    script.write_text(
        SCRIPT.format(folder=str(folder), busy=busy, slow_start=slow_start), encoding="utf-8"
    )
    process = subprocess.Popen(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: len(list(folder.glob("worker-*"))) >= workers or process.poll() is not None)
    assert process.poll() is None, process.communicate()[1]
    return process


def wait_until(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def living(session: int) -> list[int]:
    found = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getsid(process.pid) == session and process.info["status"] != "zombie":
                found.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            pass
    return found


def end(process: subprocess.Popen) -> str:
    """What a script says that ends, when all its processes have ended too."""
    said = process.communicate(timeout=PATIENCE)[1]
    try:
        wait_until(lambda: not living(process.pid))
    finally:
        for left in living(process.pid):
            os.kill(left, signal.SIGKILL)
    return said


@pytest.mark.parametrize("busy", [True, False])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_when_their_parent_is_killed(tmp_path, number, busy):
    process = start(tmp_path, busy=busy, workers=2 if busy else 1)
    process.send_signal(number)
    end(process)
    assert process.returncode == -number


def send_to_group(item: int) -> int:
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    return item


def test_what_stops_a_group_of_processes_is_not_taken_for_a_crash():
    assert dict(map_in_processes(send_to_group, [1, 2], workers=1)) == {1: 1, 2: 2}


@pytest.mark.parametrize("phase", ["busy", "slow_start"])
def test_ctrl_c_leaves_no_process_and_one_traceback(tmp_path, phase):
    process = start(tmp_path, **{phase: True})
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to all of them
    assert end(process).count("KeyboardInterrupt\n") == 1


def test_closing_the_iterator_ends_the_workers(tmp_path):
    """As an exception does in the loop over it."""
    before = {child.pid for child in psutil.Process().children()}
    some = map_in_processes(hang, range(3), workers=2)
    pid = next(some)[1]
    some.close()
    assert not psutil.pid_exists(pid)
    left = {child.pid for child in psutil.Process().children()} - before
    assert all("resource_tracker" in " ".join(psutil.Process(pid).cmdline()) for pid in left)


def watch(_: int) -> None:
    """Where there is no death signal, a thread watches the parent."""
    ctypes.CDLL(None).prctl(pool._PR_SET_PDEATHSIG, 0)
    pool.threading.Thread(target=pool._watch_parent, daemon=True).start()
    Path(os.environ["WATCHED"]).touch()
    time.sleep(10 * PATIENCE)


@pytest.mark.skipif(sys.platform != "linux", reason="is what happens anyway")
def test_workers_end_with_their_parent_on_other_systems_too(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_workers import map_in_processes, watch\n"
        "if __name__ == '__main__':\n    list(map_in_processes(watch, [0], workers=1))\n",
        encoding="utf-8",
    )
    watched = tmp_path / "watched"
    process = subprocess.Popen(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(ROOT), "WATCHED": str(watched)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: watched.exists() or process.poll() is not None)
    process.kill()
    end(process)


UNGUARDED = """
from mgr_jax.errors import UserError
from mgr_jax.workers import map_in_processes
try:
    print(list(map_in_processes(abs, [1], workers=2)))
except UserError as error:
    print(error)
"""


def test_a_script_without_a_main_guard_gets_one_sentence(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.stderr == ""
    assert done.stdout == (
        "no worker process can be started; in a script, put the call below "
        "if __name__ == '__main__', or use 0 workers\n"
    )


def test_a_worker_that_cannot_start_shows_its_own_error(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("if __name__ != '__main__': import nowhere_to_be_found\n" + UNGUARDED)
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert "No module named 'nowhere_to_be_found'" in done.stderr
    assert done.stdout.startswith("no worker process can be started (exit code 1); ")
