"""Checks that a work directory belongs to one run, and to one process at a time."""

import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from mgr_jax.config import RESUMABLE, differences, from_json, load_config, to_json
from mgr_jax.data.draws import DRAWS
from mgr_jax.data.pipeline import read_run_account
from mgr_jax.data.trained_on import read_tracks
from mgr_jax.errors import UserError
from mgr_jax.files import lock as hold

# The fields that determine which tracks are in which split.
_SPLIT_FIELDS = ("source", "splits", "split_by", "given", "fractions", "seed", "tracks")
_CONTENT = "content"  # digest of the files; version 0.1.0 kept none


def lock(workdir: Path) -> AbstractContextManager[None]:
    """Locks a work directory, so that no second run writes into it.

    Raises:
      UserError: another process holds the lock.
    """
    told = f"another run is writing into {workdir}; wait for it or choose another workdir"
    return hold(workdir / ".lock", told)


def require_same_run(workdir: Path, config: ConfigDict, account: dict[str, Any]) -> None:
    """Checks that the run in a work directory, if there is one, is the one to resume.

    Args:
      workdir: folder of the run.
      config: config of the run to start or resume.
      account: protocol.json of its dataset.

    Raises:
      UserError: it holds another run.
    """
    if not (workdir / "config.json").exists():
        checkpoints = workdir / "checkpoints"  # empty if a run was refused before its first step
        if checkpoints.exists() and any(checkpoints.iterdir()):
            raise UserError(
                f"{workdir} holds checkpoints without a config.json; choose another workdir",
                code="run.missing_config",
            )
        return
    old = load_config(workdir / "config.json")
    for field, before, now in differences(old, from_json(to_json(config))):
        if field not in RESUMABLE:
            raise UserError(
                f"{workdir} holds a run with config.{field} = {before!r}, not {now!r}; choose "
                "another workdir, or repeat the old setting to resume that run",
                code="run.other_config",
            )
    if old.num_steps < config.num_steps and config.schedule.name in ("cosine", "one_cycle"):
        warnings.warn(
            f"config.num_steps was {old.num_steps} and is {config.num_steps} now: the learning "
            f"rate jumps to its value in a {config.schedule.name} schedule of that length",
            stacklevel=2,
        )
    require_same_splits(workdir, account)


def require_same_splits(workdir: Path, account: dict[str, Any]) -> None:
    """Checks that a dataset is split as when the run was trained.

    Args:
      workdir: folder of the run.
      account: protocol.json of the dataset now.

    Raises:
      UserError: it was prepared anew, so tracks may have moved between splits.
    """
    trained = read_run_account(workdir)
    for field in (*_SPLIT_FIELDS, *({_CONTENT} & trained.keys())):
        if trained.get(field) != account.get(field):
            raise UserError(
                f"the dataset was prepared anew since {workdir} was trained ({field} differs), so "
                "its test tracks may have been trained on; prepare it as before, or train again",
                code="run.other_dataset",
            )


def require_same_draws(workdir: Path, config: ConfigDict) -> None:
    """Checks that a resumed run gets the batches that it would have had.

    Args:
      workdir: folder of the run.
      config: config of the run.

    Raises:
      UserError: its way of sampling has changed since it was started.
    """
    if config.sampling == "balanced" and draws_of(workdir) != DRAWS:
        raise UserError(
            f"{workdir} was started by an older version of mgr_jax, whose balanced sampling drew "
            "other tracks at every step; train in another folder",
            code="run.too_old",
        )


def draws_of(workdir: Path) -> int:
    """The version of the sampling with which a run was started."""
    return read_tracks(workdir).get("draws", 1)
