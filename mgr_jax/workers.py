"""Worker processes that survive damaged inputs, and end with the process that started them.

A damaged file can crash a C decoder or keep it busy for ever. Here this costs one item: its worker
is replaced, and the item is reported as failed. Each worker has a connection of its own and one
item at a time. So it is known which item failed, and a worker that is killed holds no lock that
others need. (pebble's process pool is as fast, but it has one pipe for all workers. A worker that
is killed while it sends blocks all others, and an exception that cannot be unpickled loses all
pending work.)
"""

import ctypes
import math
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker
from queue import SimpleQueue
from typing import Any

from mgr_jax.errors import UserError

TIME_LIMIT = 600.0
_MOST_WORKERS = 1024
_START_LIMIT = 300.0  # seconds in which a worker has its imports done
_KILL_LIMIT = 5.0  # seconds to wait for one that was killed; a dead network disk may hold it
_UNGUARDED = 86  # exit code of a worker that would start workers while it starts
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_READY = b"ready"
# These signals go to all processes of a group, also to the parent. If a worker died of one, its
# item would be blamed for a crash.
_IGNORED = (signal.SIGINT, signal.SIGTERM)

_Jobs = SimpleQueue[tuple[Any, Future] | None]


@dataclass(frozen=True)
class Failure:
    """The reason why an item gave no result.

    Attributes:
      reason: one sentence.
      code: the code of the UserError, or workers.timed_out, workers.killed or workers.crashed;
        empty if it was not kept.
    """

    reason: str
    code: str = ""


def available_cores() -> int:
    """The number of cores that this process may use, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_processes(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    workers: int,
    ahead: int = 4,
    overtake: float = 0,
    time_limit: float | None = TIME_LIMIT,
    name: Callable[[Any], str] = str,
) -> Generator[tuple[Any, Any]]:
    """Maps a function over items in worker processes, in order or not, with bounded memory.

    An item becomes a Failure if its worker crashes, is killed or takes too long, or if the function
    raises a UserError for it. Any other exception is raised here, with the worker's traceback as a
    note. Warnings of mgr_jax's own classes are repeated here, before the result; other warnings in
    a worker are dropped. Workers ignore Ctrl-C and SIGTERM. They are killed when the iterator is
    closed or fails, and when this process ends, for whatever reason.

    Args:
      function: picklable.
      items: picklable arguments. They are taken when needed, in the thread that iterates.
      workers: number of processes. 0 runs everything in this process, without protection against
        crashes and without a time limit.
      ahead: how many items per worker may be taken before the first result is requested. As many
        results may be in memory.
      overtake: how many later items may come before a slow one; 0 keeps the order, and math.inf
        yields each result when it is done.
      time_limit: seconds that an item may take, not counting the time that this process is stopped;
        None for no limit. The default is a hundred times the time to decode an hour of music.
      name: the name of an item in a Failure.

    Yields:
      (item, result or Failure), in the order of the items unless they may overtake.

    Raises:
      UserError: no worker process can be started, or the number of workers is out of range.
    """
    if not 0 <= workers <= _MOST_WORKERS:
        raise UserError(
            f"`workers` is {workers}; give 0, for this process, up to {_MOST_WORKERS}",
            code="argument.out_of_range",
        )
    if not workers:
        for item in items:
            yield item, _apply(function, item)
        return
    # Spawned processes import the script that starts them; there, nothing may be started again.
    # multiprocessing checks the same attribute before it raises its RuntimeError.
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.exit(_UNGUARDED)
    jobs: _Jobs = SimpleQueue()
    code = pickle.dumps(function)
    staff = [_Worker(code, time_limit or math.inf, name, jobs) for _ in range(workers)]
    pending = _Pending(overtake)
    try:
        for item in items:
            jobs.put(pending.add(item))
            if len(pending) == ahead * workers:
                item, future = pending.take()
                yield item, _told(future)
                del future  # a result may be large
        while pending:
            item, future = pending.take()
            yield item, _told(future)
            del future
    finally:
        for worker in staff:
            worker.stop()
            jobs.put(None)
        for worker in staff:
            worker.thread.join(_KILL_LIMIT)


class _Pending:
    """Items that were taken, and are not yielded yet."""

    def __init__(self, overtake: float) -> None:
        self._overtake = overtake
        self._jobs: dict[int, tuple[Any, Future]] = {}  # by number, the oldest first
        self._done: SimpleQueue[int] = SimpleQueue()  # numbers, as they are done
        self._added = 0

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, item: Any) -> tuple[Any, Future]:
        """Adds an item, and returns the job for a worker."""
        number = self._added
        job: tuple[Any, Future] = (item, Future())
        self._jobs[number] = job
        self._added += 1
        if self._overtake:
            job[1].add_done_callback(lambda _: self._done.put(number))
        return job

    def take(self) -> tuple[Any, Future]:
        """The next item: the first that is done, unless the oldest may not wait any longer."""
        oldest = next(iter(self._jobs))
        overtaken_by = self._added - len(self._jobs) - oldest  # of those yielded, the later ones
        if overtaken_by >= self._overtake:
            return self._jobs.pop(oldest)
        while (number := self._done.get()) not in self._jobs:  # that was waited for
            pass
        return self._jobs.pop(number)


@dataclass(frozen=True)
class _Answer:
    """The result for an item, and what was warned of."""

    result: Any
    warnings: tuple[tuple[str, type[Warning]], ...] = ()


class _Worker:
    """A process, and the thread of this process that gives it one item after another.

    The thread starts the process, and starts it again after a crash. The thread lives as long as
    the process, because Linux sends the death signal to a process when the thread that started it
    ends.
    """

    def __init__(
        self, function: bytes, time_limit: float, name: Callable[[Any], str], jobs: _Jobs
    ) -> None:
        self.function, self.time_limit, self.name, self.jobs = function, time_limit, name, jobs
        self.process: Any = None
        self.stopped = False
        self.lock = threading.Lock()  # a process is either not started or can be killed
        # A daemon, like its process, so that a program that fails elsewhere can end.
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Kills the process, and starts no other."""
        with self.lock:
            self.stopped = True
            if self.process:
                self.process.kill()

    def _run(self) -> None:
        while job := self.jobs.get():
            if self.stopped:
                break
            item, future = job
            try:
                future.set_result(self._work(item))
            except BaseException as error:
                future.set_exception(error)
            del job, item, future  # a result may be large
        if self.process:
            self._end(at_once=True)

    def _work(self, item: Any) -> _Answer:
        if not self.process or not self.process.is_alive():
            self._start()
        message = pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
        try:
            self.line.send_bytes(message)
            if not self._wait(self.time_limit):
                self._end(at_once=True)
                return _Answer(
                    Failure(
                        f"work on {self.name(item)} was given up after {self.time_limit:g} s; "
                        "leave it out or replace it",
                        code="workers.timed_out",
                    )
                )
            answer = self._receive()
        except (EOFError, OSError):
            return _Answer(_describe_end(self.name(item), self._end()))
        done, result = pickle.loads(answer)
        if not done:
            raise result
        return result

    def _start(self) -> None:
        if hasattr(signal, "pthread_sigmask"):
            # The process inherits the mask, so a Ctrl-C while it starts shows no traceback. The
            # tracker must start first: Python 3.11 unblocks the signals when it starts it.
            resource_tracker.ensure_running()
            signal.pthread_sigmask(signal.SIG_BLOCK, _IGNORED)
        # Not fork: this process may hold threads (jax, tensorstore) that a fork would deadlock on.
        spawn = multiprocessing.get_context("spawn")
        self.line, theirs = spawn.Pipe()
        with self.lock:
            if self.stopped:
                raise EOFError
            process = spawn.Process(target=_serve, args=(theirs, self.function), daemon=True)
            process.start()
            self.process = process
        theirs.close()
        try:
            answer = self._receive() if self._wait(_START_LIMIT) else b""
        except (EOFError, OSError):
            answer = b""
        if answer == _READY:
            return
        code = self._end(at_once=bool(answer))
        if answer:
            raise pickle.loads(answer)[1]
        how = "" if code == _UNGUARDED else f" (exit code {code})"
        raise UserError(
            f"no worker process can be started{how}; in a script, put the call below "
            "if __name__ == '__main__', or use 0 workers",
            code="workers.not_started",
        )

    def _wait(self, seconds: float) -> bool:
        """Waits for an answer or for the end of the process.

        It counts in short steps, so that the time in which everything was stopped (Ctrl-Z, a
        suspended machine) does not count.
        """
        while seconds > 0:
            step = min(seconds, 1.0)
            if connection.wait([self.line, self.process.sentinel], step):
                return True
            seconds -= step
        return False

    def _receive(self) -> bytes:
        if not self.line.poll():  # it ended; a process that it started may hold the line
            raise EOFError
        return self.line.recv_bytes()

    def _end(self, *, at_once: bool = False) -> int | None:
        """Makes sure that the process has ended, and returns its exit code."""
        self.line.close()
        if not at_once:  # it is ending; wait for its own exit code
            self.process.join(_KILL_LIMIT)
        self.process.kill()
        self.process.join(_KILL_LIMIT)
        return self.process.exitcode


def _told(future: Future[_Answer]) -> Any:
    """The result for an item. It repeats the warnings of the worker."""
    answer = future.result()
    for text, category in answer.warnings:
        warnings.warn(text, category, stacklevel=3)
    return answer.result


def _apply(function: Callable[[Any], Any], item: Any) -> Any:
    try:
        return function(item)
    except UserError as error:
        return Failure(str(error), error.code)


def _describe_end(name: str, code: int | None) -> Failure:
    signals = {-number: number.name for number in signal.Signals}
    how = signals.get(code or 0, f"exit code {code}")
    if how == "SIGKILL":
        return Failure(
            f"the process that worked on {name} was killed, as happens where memory runs out; use "
            "fewer workers, or leave it out",
            code="workers.killed",
        )
    return Failure(
        f"the process that worked on {name} crashed ({how}); leave it out or replace it",
        code="workers.crashed",
    )


def _serve(line: connection.Connection, function: bytes) -> None:
    """What a worker process does."""
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    _end_with_parent()
    _keep_freed_memory()
    # libmpg123 writes remarks on odd headers directly to the standard error.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        loaded = pickle.loads(function)
    except BaseException as error:
        line.send_bytes(_pack_error(error))
        return
    line.send_bytes(_READY)
    while True:
        try:
            message = line.recv_bytes()
        except EOFError:
            return
        line.send_bytes(_answer(loaded, message))


def _answer(function: Callable[[Any], Any], message: bytes) -> bytes:
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = _apply(function, pickle.loads(message))
        ours = [w for w in caught if w.category.__module__.startswith("mgr_jax.")]
        answer = _Answer(result, tuple((str(w.message), w.category) for w in ours))
        return pickle.dumps((True, answer), pickle.HIGHEST_PROTOCOL)
    except BaseException as error:
        return _pack_error(error)


def _pack_error(error: BaseException) -> bytes:
    note = "In the worker process:\n" + "".join(traceback.format_exception(error))
    error.add_note(note)
    try:
        packed = pickle.dumps((False, error))
        pickle.loads(packed)  # not every exception that can be packed can be unpacked
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
        error.add_note(note)
        packed = pickle.dumps((False, error))
    return packed


def _end_with_parent() -> None:
    """Makes the system kill this process when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        parent = multiprocessing.parent_process()
        if parent and parent.pid != os.getppid():  # it has ended already
            os._exit(1)
    else:
        threading.Thread(target=_watch_parent, daemon=True).start()


def _watch_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)


def _keep_freed_memory() -> None:
    """Makes glibc keep freed memory; else each page would be cleared again for the next block."""
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_TRIM_THRESHOLD, 1 << 26)
        mallopt(_M_MMAP_THRESHOLD, 1 << 24)
