"""The work directory of a run: whose it is, what it was trained on, and when to stop."""

import contextlib
import fcntl
import json
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import jax
from ml_collections import ConfigDict

from mgr_jax.config import RESUMABLE, differences, from_json, load_config, to_json
from mgr_jax.data.cache import Tracks
from mgr_jax.data.digests import track_digests
from mgr_jax.data.pipeline import class_counts, target_names
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Protocol
from mgr_jax.files import write_json, write_text
from mgr_jax.input_spec import InputSpec
from mgr_jax.model_folder import describe_model
from mgr_jax.side_inputs import SideInputs

# What says which tracks are on which side.
_SPLIT_FIELDS = ("source", "splits", "split_by", "given", "fractions", "seed", "tracks")


@contextlib.contextmanager
def lock(workdir: Path) -> Iterator[None]:
    """Holds a work directory, so that no second run writes into it.

    Raises:
      UserError: another process holds it.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    with (workdir / ".lock").open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"another run is writing into {workdir}; wait for it or choose another workdir"
            ) from None
        yield


def require_same_run(workdir: Path, config: ConfigDict, account: dict[str, Any]) -> None:
    """Makes sure that the run in a work directory, if there is one, is the one to go on with.

    Raises:
      UserError: it holds another run.
    """
    if not (workdir / "config.json").exists():
        checkpoints = workdir / "checkpoints"  # empty where a run was refused before its first step
        if checkpoints.exists() and any(checkpoints.iterdir()):
            raise UserError(
                f"{workdir} holds checkpoints without a config.json; choose another workdir"
            )
        return
    old = load_config(workdir / "config.json")
    for field, before, now in differences(old, from_json(to_json(config))):
        if field not in RESUMABLE:
            raise UserError(
                f"{workdir} holds a run with config.{field} = {before!r}, not {now!r}; choose "
                "another workdir, or repeat the old setting to go on with that run"
            )
    if old.num_steps < config.num_steps and config.schedule.name in ("cosine", "one_cycle"):
        warnings.warn(
            f"config.num_steps was {old.num_steps} and is {config.num_steps} now: the learning "
            f"rate jumps to where a {config.schedule.name} schedule of that length stands",
            stacklevel=2,
        )
    require_same_splits(workdir, account)


def require_same_splits(workdir: Path, account: dict[str, Any]) -> None:
    """Makes sure that a dataset is split as it was when the run was trained.

    Args:
      workdir: of the run.
      account: the protocol.json of the dataset now.

    Raises:
      UserError: it was prepared anew, so that tracks may have changed sides.
    """
    trained = json.loads((workdir / "dataset.json").read_text(encoding="utf-8"))
    for field in _SPLIT_FIELDS:
        if trained.get(field) != account.get(field):
            raise UserError(
                f"the dataset was prepared anew since {workdir} was trained ({field} differs), so "
                "its test tracks may have been trained on; prepare it as before, or train again"
            )


def describe_run(
    workdir: Path,
    config: ConfigDict,
    spec: InputSpec,
    splits: Mapping[str, Tracks],
    side: SideInputs,
    protocol: Protocol,
    *,
    progress: bool = False,
) -> None:
    """Writes what prediction and later readers need: model.json, the config, the data.

    `progress` shows a bar where training tracks are read to know them again.
    """
    train = splits["train"]
    labels = {
        "classes": target_names(train, config.task),
        "training_tracks": class_counts(train, config.task).tolist(),
    }
    describe_model(config, spec, labels, side, train.account, protocol.as_dict()).save(workdir)
    contents: dict[str, Any] = {
        "dataset": train.account,
        # So that scores on other data can tell what was trained on, under whatever name; what the
        # digests are of says the `format` in dataset.json.
        "tracks": {name: tracks.track_id.tolist() for name, tracks in splits.items()}
        | {"train_digests": track_digests(train, progress=progress)},
    }
    for name, content in contents.items():
        write_json(workdir / f"{name}.json", content)
    write_text(workdir / "config.json", to_json(config))


def record_cost(workdir: Path, parameters: int, seconds: float) -> None:
    """Writes run.json: what the network weighs, and how long all trainings of it took together."""
    path = workdir / "run.json"
    before = json.loads(path.read_text(encoding="utf-8"))["seconds"] if path.exists() else 0.0
    cost = {
        "parameters": parameters,
        "seconds": round(before + seconds, 1),
        "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
    }
    write_json(path, cost)


class StopRequest:
    """Turns the first Ctrl-C or SIGTERM into a flag, so that no step is cut in two.

    The second one interrupts as usual. Handlers can be set in the main thread only; elsewhere
    this does nothing.
    """

    def __init__(self) -> None:
        """Nothing is requested yet."""
        self.requested = False
        self._old: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._old[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.requested = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)
        self._old = {}
