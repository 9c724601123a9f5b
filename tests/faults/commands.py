"""Commands in processes of their own, which are killed or go on, and what they leave.

The processes are forked from one that has imported mgr_jax, but begun nothing: they start at once.
"""

import io
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from ml_collections import ConfigDict

from mgr_jax.config import base_config

RATE = 12_000
LIMIT = 300.0  # seconds after which a command hangs
_GENRES = ("beat", "hiss", "hum")
_DEVICES = "--xla_force_host_platform_device_count"
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(
    ["mgr_jax.runs.cross_validate", "mgr_jax.data.prepare", "matplotlib.figure"]
)
_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate"}


@dataclass(frozen=True)
class Place:
    """Where a process is killed: just before it changes the disk there.

    Attributes:
      name: in words.
      event: of Python's audit hooks, such as "os.rename"; "open" is that of a file to write.
      path: a regular expression that is found in the path.
      nth: of the changes that are so.
      later: further changes, of whatever path, that it is let to do.
      delay: seconds that it is let to live then.
    """

    name: str
    event: str
    path: str
    nth: int = 1
    later: int = 0
    delay: float = 0.0


class Command:
    """A command of mgr-jax at work, in a process group of its own."""

    def __init__(
        self,
        *arguments: object,
        kill: Place | None = None,
        devices: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts `mgr-jax <arguments>`.

        Args:
          *arguments: the name of a command, and its flags.
          kill: where it kills itself, and those that it has started.
          devices: of the host.
          environment: what is added to that of this process.
        """
        self.arguments = [str(argument) for argument in arguments]
        with tempfile.NamedTemporaryFile(prefix="mgr-jax-says-", delete=False) as said:
            self._said = Path(said.name)
        self._process = _PROCESSES.Process(
            target=_run, args=(self.arguments, self._said, kill, devices, dict(environment or {}))
        )
        self._process.start()

    def wait(self, seconds: float = LIMIT) -> int | None:
        """Waits until it has ended; its exit code, negative for a signal, None if it goes on."""
        self._process.join(seconds)
        return self._process.exitcode

    def kill(self) -> None:
        """Ends it, and all that it has started, as `kill -9` does."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has no group yet
            self._process.kill()
        self._process.join()

    @property
    def said(self) -> str:
        """What it has said so far."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    def finish(self) -> str:
        """Waits for it to end well; what it has said."""
        code = self.wait()
        if code is None:
            self.kill()
        assert code == 0, f"mgr-jax {' '.join(self.arguments)} ended with {code}: {self.said}"
        said = self.said
        self.forget()
        return said

    def forget(self) -> None:
        """Removes what it has said."""
        self._said.unlink(missing_ok=True)


def xla_flags(devices: int) -> str:
    """XLA_FLAGS as they are here, but with so many devices of the host."""
    flags = re.sub(rf"{_DEVICES}=\S+", "", os.environ.get("XLA_FLAGS", ""))
    return f"{flags} {_DEVICES}={devices}".strip()


def _run(
    arguments: list[str],
    said: Path,
    kill: Place | None,
    devices: int,
    environment: Mapping[str, str],
) -> None:
    """What the process does."""
    from mgr_jax.cli import main

    os.setsid()
    os.environ.update(environment, XLA_FLAGS=xla_flags(devices))
    log = os.open(said, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.FileIO(n, "w"), write_through=True) for n in (1, 2)
    )
    sys.argv = ["mgr-jax", *arguments]
    if kill:
        _wait_for(kill)
    sys.exit(main(arguments))


def _wait_for(place: Place) -> None:
    left, later = place.nth, place.later
    pattern = re.compile(place.path)

    def end() -> None:
        os.killpg(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left, later
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if not writes and event not in _CHANGES:
            return
        if left > 0:
            left -= event == place.event and bool(pattern.search(str(arguments[0])))
        elif later > 0:
            later -= 1
        if not left and not later:
            left = -1
            if place.delay:
                threading.Timer(place.delay, end).start()
            else:
                end()

    sys.addaudithook(hook)


# What they work on.


def make_music(folder: Path, artists: int = 5) -> Path:
    """<genre>/<artist>-<track>.wav of 3 genres that anybody can tell apart, with an index.csv."""
    rows = ["path,genre,artist"]
    time = np.arange(2 * RATE) / RATE
    for genre in _GENRES:
        (folder / genre).mkdir(parents=True)
        for artist in range(artists):
            for track in range(2):
                rng = np.random.default_rng([_GENRES.index(genre), artist, track])
                noise = rng.standard_normal(len(time))
                clip = {
                    "beat": noise * np.exp(-20 * (time % rng.uniform(0.2, 0.4))),
                    "hiss": noise,
                    "hum": np.sin(2 * np.pi * rng.uniform(150, 400) * time) + 0.01 * noise,
                }[genre]
                path = f"{genre}/{artist}-{track}.wav"
                soundfile.write(folder / path, 0.2 * clip / np.abs(clip).max(), RATE)
                rows.append(f"{path},{genre},{genre}-{artist}")
    (folder / "index.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def prepare(music: Path, data_dir: Path) -> None:
    """Prepares that folder as `audio_folder/music`."""
    from mgr_jax.data.prepare import prepare

    options: dict[str, Any] = {"sample_rate": RATE, "fractions": (0.6, 0.2, 0.2), "num_workers": 0}
    options |= {"name": "music", "progress": False}
    prepare("audio_folder", manual_dir=music, data_dir=data_dir, **options)


def base(data_dir: Path, **changes: Any) -> ConfigDict:
    """A config that trains on that dataset in seconds."""
    config = base_config()
    config.update(
        {
            "dataset": "audio_folder/music",
            "data_dir": str(data_dir),
            "sample_rate": RATE,
            "clip_samples": RATE // 2,
            "frontend": {"kwargs": {"n_fft": 512, "hop_length": 256, "n_mels": 32}},
            "model": {"name": "fcn", "kwargs": {"widths": (4, 8), "pools": ((4, 4), (2, 2))}},
            "batch_size": 4,
            "num_steps": 8,
            "eval_every": 2,
            "log_every": 1,
        }
    )
    config.update(changes)
    return config


def write_config(path: Path, data_dir: Path, **changes: Any) -> str:
    """Writes such a config; returns the flag that names it."""
    config = base(data_dir, **changes)
    path.write_text(
        "from mgr_jax.config import from_json\n\n\n"
        f"def get_config():\n    return from_json({config.to_json()!r})\n",
        encoding="utf-8",
    )
    return f"--config={path}"


# What they leave.


def content_of(folder: Path) -> dict[str, bytes]:
    """All files of a folder, by their paths in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def numbers_of(run: Path) -> dict[str, Any]:
    """What a run comes to: weights and optimizer of its checkpoints, its log, its predictions."""
    import orbax.checkpoint as ocp

    found: dict[str, Any] = {"log": log_of(run)}
    for step in sorted((run / "checkpoints").glob("[0-9]*")):
        for item in ("model", "optimizer"):
            with warnings.catch_warnings(), ocp.StandardCheckpointer() as reader:
                warnings.simplefilter("ignore")  # of shardings, which it has none of
                found[f"{step.name}/{item}"] = reader.restore(step / item)
    for table in sorted(run.glob("predictions/*.npz")):
        with np.load(table) as stored:
            found[table.name] = {name: stored[name] for name in stored.files}
    return found


def log_of(run: Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl, without what depends on the time."""
    from mgr_jax.training.summary import read_metrics

    rows = read_metrics(run / "metrics.jsonl")
    return [{n: v for n, v in row.items() if n != "clips_per_second"} for row in rows]


def difference(one: Any, other: Any, at: str = "") -> str:
    """Where two trees of numbers differ by a bit or more, in words; "" if nowhere."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if one.keys() != other.keys():
            return f"{at}: {', '.join(sorted({*one} ^ {*other}))}"
        return next((d for n in one if (d := difference(one[n], other[n], f"{at}/{n}"))), "")
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        if len(one) != len(other):
            return f"{at}: {len(one)} and {len(other)}"
        pairs = enumerate(zip(one, other, strict=True))
        return next((d for n, (a, b) in pairs if (d := difference(a, b, f"{at}/{n}"))), "")
    first, second = np.asarray(one), np.asarray(other)
    same = first.shape == second.shape and first.dtype == second.dtype
    if same and first.dtype != object and first.tobytes() == second.tobytes():
        return ""
    return "" if one is other or (first.dtype == object and one == other) else f"{at} differs"


def leftovers(folder: Path) -> list[str]:
    """Files and folders of work in progress, which a command that ended well has cleared away."""
    names = (".scratch-*", "*.partial", "*.orbax-checkpoint-tmp*", "*.lock", ".*.replaced")
    return sorted(str(path.relative_to(folder)) for name in names for path in folder.rglob(name))


def tell(text: str) -> None:
    """Says what has been done, so that one sees that it goes on."""
    print(f"  {text}", flush=True)
