"""Records what a run has scored in the results ledger."""

import datetime
import logging
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

import mgr_jax
from mgr_jax.benchmark.timing import machine
from mgr_jax.config import RESUMABLE, differences, load_config
from mgr_jax.config.durations import EVALUATION, TRAINING
from mgr_jax.config.files import read_config
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Result
from mgr_jax.evaluation.ledger import Entry, add_entry
from mgr_jax.files import expand
from mgr_jax.model_folder import read_description

log = logging.getLogger(__name__)


def record(result: Result, ledger: str | Path | None = None) -> Entry:
    """Appends a result to a ledger; see `mgr_jax.evaluation.ledger`.

    The recorded score is that of the tracks: accuracy, or average precision for tags. A result of
    the same config, protocol, split and version of mgr_jax is recorded once.

    Args:
      result: a result of `evaluate`, or of any scored run.
      ledger: the file; None: docs/results.jsonl if the current folder has one, as a checkout does,
        else results.jsonl.

    Returns:
      The entry in the ledger; if there was one already, that one, with a warning.

    Raises:
      UserError: the ledger is damaged or cannot be written, or the result has no such score.
    """
    path = Path("docs/results.jsonl") if ledger is None else expand(ledger)
    if ledger is None and not path.exists():
        path = Path(path.name)
    metric = "accuracy" if result.scores["task"] == "single_label" else "average_precision"
    score = result.scores["track"][metric]
    if score[0] is None:
        raise UserError(
            f"the {metric} of {result.path} is undefined; there is nothing to record",
            code="ledger.no_score",
        )
    hardware = machine()
    entry = Entry(
        system=result.scores["system"],
        metric=metric,
        score=tuple(score),
        aggregation=result.scores["aggregation"],
        split=result.split,
        tracks=result.scores["tracks"],
        protocol=result.protocol.as_dict(),
        **_of_config(result.path),
        seconds=result.cost.get("seconds"),
        hardware={
            "devices": result.cost.get("device"),
            "processor": hardware["processor"],
            "cores": hardware["cores"],
        },
        commit=checked_out(Path(mgr_jax.__file__).parents[1]),
        version=mgr_jax.__version__,
        jax=jax.__version__,
        date=datetime.date.today().isoformat(),
    )
    older = add_entry(path, entry)
    if older is None:
        log.info(f"Recorded in {path}.")
        return entry
    warnings.warn(
        f"{path} holds this result already ({older}, of {older.date}), so {entry} was not "
        "added; remove its line to record it anew",
        stacklevel=2,
    )
    return older


def checked_out(folder: Path) -> str | None:
    """The commit of a checkout, with a "+" if the code has changed since; None for a wheel."""
    if not (folder / ".git").exists() or not shutil.which("git"):
        return None
    git = ["git", "-C", str(folder)]
    done = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run(
        [*git, "status", "-s", "mgr_jax", "configs"], capture_output=True, text=True
    ).stdout
    return f"{done.stdout.strip()}{'+' if changed else ''}" if done.returncode == 0 else None


def _of_config(folder: Path) -> dict[str, Any]:
    """Facts on the trained config, or on the first one of a cross-validation."""
    trained = [folder, *(path.parent for path in sorted(folder.glob("seed*/**/config.json")))]
    for run in trained:
        if (run / "config.json").exists():
            config = load_config(run / "config.json")
            provenance = read_description(run).provenance
            return {
                "spec": config.spec,
                "overrides": _overrides(config),
                "dataset": config.dataset,
                "config": provenance["config"],
            }
    return {}


def _overrides(config: ConfigDict) -> dict[str, Any]:
    """The fields of a run that differ from its spec; empty for a user's own config.

    The protocol and its seeds are recorded separately; the length of an epoch depends on the data.
    """
    try:
        written = read_config(config.spec)
    except UserError:
        return {}
    told = {*RESUMABLE, *TRAINING, *EVALUATION, "version", "seed"} - {"num_steps"}
    if not written.num_steps:
        told.add("num_steps")
    return {
        field: new
        for field, _, new in differences(written, config)
        if field not in told and not field.startswith("protocol.")
    }
