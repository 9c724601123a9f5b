"""Full disks: commands on file systems of many sizes, then the same commands with room.

The disks are real, if small: each is a tmpfs in a mount namespace of its own, which goes with the
process. Root may mount one, and so may others where `unshare --map-root-user` works.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import logging
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PAGE = 4096  # what a tmpfs counts in
LARGE = 256 << 20
TIME_LIMIT = 240  # of a command, in seconds: one that hangs at its end is killed
LEFTOVERS = re.compile(
    r"\.scratch-|\.partial$|orbax-checkpoint-tmp|/damaged-|/\.[^/]*lock$|\.replaced$|\.journal$"
)
RATE = 12_000
TRAIN = (
    "--config=demo:model=k2c2,data=rendered/tiny", "--noprogress", "--config.clip_samples=24000",
    "--config.frontend.kwargs.n_mels=32", "--config.batch_size=4", "--config.eval_every=2",
    "--config.log_every=1", "--config.num_steps=4",
    "--config.model.kwargs={'budget': '0.1M', 'pools': ((2, 2), (2, 2), (2, 2), (2, 2), (2, 2))}",
)  # fmt: skip
MAIN = ("prepare_data", "train", "evaluate", "predict")  # on more disks than the others
FILLED = ("prepare_data", "train")  # those that take long enough to have the disk filled meanwhile
REDUCED = ("train", "evaluate")  # test_prepare.py has full disks too
READ_ONLY = "can only be read|cannot be written|cannot be made a folder .Read-only file system"
NO_MOUNT = "nobody may mount a file system here: neither root nor unshare --map-root-user"


def run(folder: Path, *, reduced: bool = False) -> dict[str, str]:
    """See __main__; it happens in a process whose mounts nobody else sees."""
    alone = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
    test = [*alone, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if not shutil.which("unshare") or subprocess.run(test, capture_output=True).returncode:
        raise unittest.SkipTest(NO_MOUNT)
    command = [*alone, sys.executable, __file__, str(folder), *(["reduced"] if reduced else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    assert not done.returncode, "a command on a full disk has not done what the page says"
    return json.loads(done.stdout)


class Disk:
    """A small file system."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self._mount("tmpfs", f"size={LARGE},nr_inodes=100000")

    def _mount(self, what: str, options: str) -> None:
        kind = ["-t", "tmpfs", what] if what == "tmpfs" else []
        command = ["mount", *kind, "-o", options, str(self.path)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)

    @property
    def used(self) -> int:
        """Bytes."""
        state = os.statvfs(self.path)
        return (state.f_blocks - state.f_bfree) * state.f_frsize

    def leave(self, *, room: int = LARGE, files: int = 100_000) -> None:
        """Leaves room for so many bytes, and for so many files."""
        for last in (False,) * 50 + (True,):
            state = os.statvfs(self.path)
            size = max(self.used + room // PAGE * PAGE, PAGE)  # 0 would stand for no limit
            inodes = state.f_files - state.f_ffree + files
            try:
                self._mount("remount", f"remount,rw,size={size},nr_inodes={inodes}")
                break
            except subprocess.CalledProcessError:  # more is used by now
                if last:
                    raise
        if room < PAGE and not self.used:
            (self.path / "ballast").write_bytes(b"0" * PAGE)

    def make_read_only(self) -> None:
        """As file systems become after an error."""
        self._mount("remount", "remount,ro")

    def make_room(self) -> None:
        """As it was in the beginning."""
        self.leave()
        (self.path / "ballast").unlink(missing_ok=True)

    @contextlib.contextmanager
    def watched(self) -> Iterator[list[int]]:
        """Gives how much of it was used, again and again."""
        found = [self.used]
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.001):
                found.append(self.used)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield found
        finally:
            ended.set()
            thread.join()
            found.append(self.used)

    def fill_at(self, used: int) -> threading.Thread:
        """Fills it to the last byte as soon as so much of it is used."""

        def fill() -> None:
            until = time.monotonic() + TIME_LIMIT
            while self.used < used and time.monotonic() < until:
                time.sleep(0.001)
            self.leave(room=0)

        thread = threading.Thread(target=fill, daemon=True)
        thread.start()
        return thread

    def remove(self) -> None:
        """Unmounts it."""
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)
        self.path.rmdir()


@dataclasses.dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def sentences(self) -> list[str]:
        """What it told as errors; bars and warnings are none."""
        lines = [line for line in re.split(r"[\r\n]+", self.err) if line.strip()]
        return [
            x for x in lines if not x.startswith("Warning: ") and not re.search(r"\d/\d+ \[", x)
        ]


class Commands:
    """Runs commands in processes that have all imports done already: forks of one."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "out", folder / "err"
        self.server = subprocess.Popen(
            [sys.executable, __file__, "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "JAX_PLATFORMS": "cpu"},
        )

    def __call__(self, *arguments: object, out: Path | None = None, most: int = 0) -> Done:
        """Runs `mgr-jax …`; `out` takes what it prints, and files may have `most` bytes."""
        files = [str(out or self.files[0]), str(self.files[1])]
        assert self.server.stdin
        assert self.server.stdout
        print(json.dumps([[*map(str, arguments)], files, most]), file=self.server.stdin, flush=True)
        status = os.waitstatus_to_exitcode(int(self.server.stdout.readline()))
        assert status != -signal.SIGALRM, f"{arguments} did not end"
        told = [Path(file).read_text(errors="replace") for file in files]
        return Done(status, *told)


def serve() -> list[str]:
    """Forks a process for every command that is asked for; returns its arguments there."""
    import mgr_jax.data.prepare  # noqa: F401
    import mgr_jax.runs.evaluate  # noqa: F401
    import mgr_jax.runs.predict  # noqa: F401
    import mgr_jax.training.train  # noqa: F401

    for line in sys.stdin:
        arguments, files, most = json.loads(line)
        child = os.fork()
        if not child:
            signal.alarm(TIME_LIMIT)
            for number, file in enumerate(files, 1):
                os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
            if most:
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            return arguments
        print(os.waitpid(child, 0)[1], flush=True)
    os._exit(0)


@dataclasses.dataclass(frozen=True)
class Case:
    """A command to be given on a small disk.

    Attributes:
      command: its arguments, for the folder of the disk.
      before: puts there what stands there already, such as older results.
      result: what it has made, such as is equal whenever it is made.
      kept: files that were there and must stay as they were if it fails, but may be replaced.
    """

    command: Callable[[Path], list[object]]
    result: Callable[[Path], Any]
    before: Callable[[Path], object] = lambda disk: None
    kept: str = "**/*"


def cases(source: Path) -> dict[str, Case]:
    """The commands; `source` holds a dataset, a run and songs."""
    data = f"--data_dir={source / 'data'}"
    dataset = ("--dataset=rendered/tiny", f"--sample_rate={RATE}", data)
    predict = predicting(source)

    def copy_run(disk: Path) -> None:
        shutil.copytree(source / "run", disk / "run")

    def older(name: str, disk: Path) -> None:
        (disk / name).write_text("older\n")

    return {
        "prepare_data": Case(
            lambda disk: [
                "prepare_data", *dataset[:2], f"--data_dir={disk}", "--noprogress", "--overwrite"
            ],
            functools.partial(held, pattern="rendered/**/cache/**/*"),
            lambda disk: shutil.copytree(source / "older", disk, dirs_exist_ok=True),
        ),
        "train": Case(
            lambda disk: [
                "train", *TRAIN, f"--config.data_dir={source / 'data'}", f"--workdir={disk}/run"
            ],
            trained,
            lambda disk: shutil.copytree(source / "begun", disk / "run"),
            kept="run/checkpoints/**/*",
        ),
        "evaluate": Case(
            lambda disk: [
                "evaluate", f"--model={disk}/run", f"--json={disk}/scores.json", "--record",
                f"--ledger={disk}/ledger.jsonl", "--split=train",
            ],
            functools.partial(held, pattern="**/*.[jn][sp][oz]*"),
            lambda disk: (copy_run(disk), older("scores.json", disk)),
        ),
        "predict": Case(
            lambda disk: [*predict, f"{source}/songs", "--timeline", f"--out={disk}/songs"],
            held,
            lambda disk: shutil.copytree(source / "predicted", disk, dirs_exist_ok=True),
            kept="*.parquet",  # the others grow
        ),
        "report": Case(lambda disk: ["report", f"--model={disk}/run"], held, copy_run),
        "extract_features": Case(
            lambda disk: [
                "extract_features", "--features=mfcc_statistics", *dataset, "--workers=0",
                f"--out={disk}/table.csv",
            ],
            held,
        ),
        "audit": Case(
            lambda disk: ["audit", *dataset, "--workers=0", "--noprogress", f"--out={disk}"], held
        ),
        "init_config": Case(lambda disk: ["init_config", "choi2016", f"--out={disk}"], held),
        "baselines": Case(
            lambda disk: [
                "baselines", *dataset, "--features=mfcc_statistics", f"--workdir={disk}/svm",
            ],
            functools.partial(held, pattern="svm/predictions/*"),
        ),
        "crossval": Case(
            lambda disk: [
                "crossval", *TRAIN, f"--config.data_dir={source / 'data'}", "--folds=3",
                f"--workdir={disk}/cv",
            ],
            functools.partial(held, pattern="cv/predictions/*"),
        ),
    }  # fmt: skip


def predicting(source: Path) -> list[object]:
    """The command that predicts with the run, but for what and where to."""
    return ["predict", f"--model={source}/run", "--workers=2", "--format=csv,parquet,audacity,m3u"]


def held(disk: Path, pattern: str = "**/*") -> dict[str, str]:
    """The files of a folder, and what they hold; what tells the time is left out."""
    found = sorted(path for path in disk.glob(pattern) if path.is_file())
    return {
        str(path.relative_to(disk)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
        if path.name not in ("run.json", "ledger.jsonl", "ballast")
    }


def trained(disk: Path) -> list[Any]:
    """The steps, the weights and the scores of a run."""
    import jax
    import numpy as np

    from mgr_jax.training.checkpoint import load_variables
    from mgr_jax.training.summary import read_metrics

    steps = sorted(path.name for path in (disk / "run/checkpoints").iterdir())
    weights = hashlib.sha256()
    for leaf in jax.tree.leaves(load_variables(disk / "run")):
        weights.update(np.asarray(leaf).tobytes())
    rows = read_metrics(disk / "run/metrics.jsonl")
    for row in rows:
        row.pop("clips_per_second", None)
    return [steps, weights.hexdigest(), rows]


def leftovers(disk: Path, allowed: str = "") -> list[str]:
    """What must not be there when nobody is at work."""
    found = [str(path) for path in disk.rglob("*") if LEFTOVERS.search(str(path))]
    return [path for path in found if not (allowed and path.endswith(allowed))]


class Checks:
    """Tries a case in one way after another; counts."""

    def __init__(self, folder: Path, mgr: Commands, case: Case) -> None:
        self.folder, self.mgr, self.case = folder, mgr, case
        disk = self._disk()
        used = disk.used
        with disk.watched() as most:
            done = mgr(*case.command(disk.path))
        assert not done.status, done.err
        self.result, self.needed = case.result(disk.path), max(most) - used
        disk.remove()
        self.tried = 0

    def _disk(self) -> Disk:
        disk = Disk(self.folder / "disk")
        self.case.before(disk.path)
        return disk

    def try_with(
        self,
        change: Callable[[Disk], object],
        says: str = "is full",
        *,
        may_succeed: bool = False,
        most: int = 0,
    ) -> None:
        """Gives the command on a disk that is changed first, then with room.

        Args:
          change: makes the disk small.
          says: what the sentence is to say of the disk's folder, a regular expression.
          may_succeed: where the disk may become full too late.
          most: see `Commands`.
        """
        disk, command = self._disk(), self.case.command(self.folder / "disk")
        kept = held(disk.path, self.case.kept)
        change(disk)
        done = self.mgr(*command, most=most)
        where = f"{command[0]} {self.tried}: {done}"
        if not (may_succeed and done.status == 0):
            assert done.status == 1, where
            assert len(done.sentences) == 1, where
            told = rf"mgr-jax: (the disk that holds )?{disk.path}\S* ({says})"
            assert re.match(told, done.sentences[0]), where
            now = held(disk.path, self.case.kept)
            assert {name: now.get(name) for name in kept} == kept, where
            assert not leftovers(disk.path, ".journal"), f"{where}: {leftovers(disk.path)}"
        disk.make_room()
        done = self.mgr(*command)
        where = f"{command[0]} {self.tried}, again: {done}"
        assert done.status == 0, where
        assert not done.sentences, where
        assert "damaged" not in done.err, where
        assert self.case.result(disk.path) == self.result, where
        assert not leftovers(disk.path), f"{where}: {leftovers(disk.path)}"
        disk.remove()
        self.tried += 1

    def try_room(self, room: int, *, may_succeed: bool = False) -> None:
        """A disk with room for so many bytes."""
        self.try_with(lambda disk: disk.leave(room=room), may_succeed=may_succeed)

    def try_filling(self, share: float) -> None:
        """A disk that is full once a share of what is needed was written."""
        needed = int(share * self.needed)
        self.try_with(lambda disk: disk.fill_at(disk.used + needed), may_succeed=True)

    def try_sizes(self, count: int) -> None:
        """Disks with no room at all, with a page too little, and in between.

        How much a run has on the disk at once depends on when older checkpoints go.
        """
        last = self.needed // PAGE - 1
        for room in sorted({last * i // max(count - 1, 1) for i in range(count)}):
            self.try_room(room * PAGE, may_succeed=room == last > 99)


def check_all(folder: Path, *, reduced: bool) -> dict[str, str]:
    """See `run`."""
    mgr, source = Commands(folder), folder / "source"
    make_source(source, mgr, reduced=reduced)
    checks = {}
    for name, case in cases(source).items():
        if reduced and name not in REDUCED:
            continue
        checks[name] = some = Checks(folder, mgr, case)
        if reduced:
            some.try_room(some.needed // 2)
        elif name in MAIN:
            some.try_sizes(5)
            some.try_with(lambda disk: disk.leave(files=0))
            some.try_with(Disk.make_read_only, READ_ONLY)
        else:
            some.try_sizes(2)
        if not reduced and name in FILLED:
            some.try_with(lambda disk: None, "takes no file so large", most=50_000)
            for share in (0.3, 0.6, 0.9):
                some.try_filling(share)
    check_standard_output(folder, mgr)
    return {
        "cases": str(sum(some.tried for some in checks.values()) + 1),
        "table": "\n".join(
            f"| {name} | {some.needed / 1000:,.0f} kB | {some.tried} |"
            for name, some in checks.items()
        ),
    }


def check_standard_output(folder: Path, mgr: Commands) -> None:
    """What is printed may go to a full disk too."""
    disk = Disk(folder / "disk")
    disk.leave(room=0)
    done = mgr("init_config", out=disk.path / "out.txt")
    assert done.status == 1, done
    assert len(done.sentences) == 1, done
    assert "standard output" in done.sentences[0], done
    disk.remove()


def make_source(source: Path, mgr: Commands, *, reduced: bool) -> None:
    """A dataset, an older one, a run, one that has begun, and songs."""
    import numpy as np
    import soundfile

    source.mkdir()
    data = f"--data_dir={source / 'data'}"
    rendered = ("prepare_data", "--dataset=rendered/tiny", "--noprogress")
    train = ("train", *TRAIN, f"--config.data_dir={source / 'data'}")
    for command in (
        (*rendered, f"--sample_rate={RATE}", data),
        (*train, f"--workdir={source}/begun", "--config.num_steps=2"),
    ):
        done = mgr(*command)
        assert not done.status, done.err
    shutil.copytree(source / "begun", source / "run")
    shutil.copytree(source / "data", source / "older")
    if not reduced:
        done = mgr("evaluate", f"--model={source}/run")
        assert not done.status, done.err
    (source / "songs").mkdir()
    for song in range(8):
        samples = np.random.default_rng(song).uniform(-0.3, 0.3, 40 * RATE)
        soundfile.write(source / "songs" / f"{song}.wav", samples, RATE)
    if not reduced:
        some = (f"{source}/songs/0.wav", "--timeline", f"--out={source}/predicted/songs")
        done = mgr(*predicting(source), *some)
        assert not done.status, done.err


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        from mgr_jax.cli import main

        sys.exit(main(serve()))
    logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax's remarks on folders only read
    print(json.dumps(check_all(Path(sys.argv[1]), reduced="reduced" in sys.argv)))
