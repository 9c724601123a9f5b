"""The files of a run's checkpoints: scores that are added, and what is damaged, mended or aside."""

import json
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mgr_jax.errors import UserError
from mgr_jax.files import write_json
from mgr_jax.integrity import seal
from mgr_jax.training.checkpoint import (
    HISTORY,
    ITEMS,
    SCORE,
    damage_of,
    list_steps,
    read_history,
    read_orbax_score,
)

DELETED = "deleted"  # where Orbax moves what is to be deleted, so that no kill leaves half of one
NOTES = "_CHECKPOINT_METADATA"  # what Orbax tells of itself, which nothing needs
_UNFINISHED = "*.orbax-checkpoint-tmp*"


def as_history(scores: Mapping[int, float]) -> dict[str, Any]:
    """What `read_history` reads, as JSON."""
    return seal({"evaluations": list(scores.items())})


def add_score(checkpoint: Path, scores: Mapping[int, float]) -> None:
    """Gives a checkpoint that was saved without a score one, the last of a history."""
    write_json(checkpoint / HISTORY / HISTORY, as_history(scores))
    _write_score(checkpoint, scores[int(checkpoint.name)])


def repair_checkpoints(folder: Path, logged: Mapping[int, float]) -> None:
    """Clears away what a kill has left, sets damaged checkpoints aside, and mends scores.

    Args:
      folder: of the checkpoints; there may be none.
      logged: the scores that metrics.jsonl tells, for checkpoints without a history. One whose
        score is lost stays without.

    Raises:
      UserError: see `require_some`.
    """
    clear_unfinished(folder)
    for step in list_steps(folder):
        if damage := damage_of(folder / str(step), *ITEMS):
            set_aside(folder, step, damage)
    require_some(folder)
    for step in list_steps(folder):
        _mend_score(folder / str(step), logged)
        _empty_damaged(folder / str(step) / NOTES)


def clear_unfinished(folder: Path) -> None:
    """Removes what a save that was killed, or that failed, has left."""
    for leftover in (*folder.glob(_UNFINISHED), *folder.glob(DELETED)):
        shutil.rmtree(leftover, ignore_errors=True)


def require_some(folder: Path) -> None:
    """Raises a UserError where all checkpoints of a folder are set aside, now or before."""
    if any(folder.glob("damaged-*")) and not list_steps(folder):
        raise UserError(
            f"no checkpoint in {folder} can be read; remove the folder to start again",
            code="checkpoint.none_readable",
        )


def set_aside(folder: Path, step: int, damage: str) -> None:
    """Renames a damaged checkpoint, and warns: saving a step that exists would do nothing."""
    aside = folder / f"damaged-{step}"
    shutil.rmtree(aside, ignore_errors=True)
    (folder / str(step)).rename(aside)
    whole = [other for other in list_steps(folder) if not damage_of(folder / str(other), *ITEMS)]
    instead = f"that of step {whole[0]} is used instead" if whole else "there is no other"
    warnings.warn(
        f"checkpoint {folder / str(step)} is damaged ({damage}) and was renamed to {aside.name}; "
        f"{instead}",
        stacklevel=3,
    )


def _mend_score(checkpoint: Path, logged: Mapping[int, float]) -> None:
    """Makes what Orbax reads agree with the history, or be readable where there is none."""
    history = read_history(checkpoint)
    try:
        stored = read_orbax_score(checkpoint)
        if history is None:
            return
    except ValueError:
        stored = float("nan")
    score = (logged if history is None else history).get(int(checkpoint.name))
    if stored == score:
        return
    shutil.rmtree(checkpoint / SCORE, ignore_errors=True)
    if score is not None:
        _write_score(checkpoint, score)
    warnings.warn(
        f"the score of checkpoint {checkpoint} was damaged, and "
        + ("is lost" if score is None else "was mended"),
        stacklevel=3,
    )


def _empty_damaged(notes: Path) -> None:
    """Empties notes that Orbax could not read, which it would tell of as of an error."""
    try:
        json.loads(notes.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        if notes.is_dir():
            notes.rmdir()
        write_json(notes, {})


def _write_score(checkpoint: Path, score: float) -> None:
    (checkpoint / SCORE).mkdir(exist_ok=True)
    write_json(checkpoint / SCORE / SCORE, {"score": score})
