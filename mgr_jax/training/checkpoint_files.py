"""The files of a run's checkpoints: adds scores, and repairs or sets aside damaged ones."""

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

DELETED = "deleted"  # where Orbax moves deleted checkpoints, so that a kill leaves no half of one
NOTES = "_CHECKPOINT_METADATA"  # notes of Orbax on itself, which nothing needs
_UNFINISHED = "*.orbax-checkpoint-tmp*"


def as_history(scores: Mapping[int, float]) -> dict[str, Any]:
    """The JSON that `read_history` reads."""
    return seal({"evaluations": list(scores.items())})


def add_score(checkpoint: Path, scores: Mapping[int, float]) -> None:
    """Adds a score, the last of a history, to a checkpoint that was saved without one.

    Args:
      checkpoint: folder of the checkpoint.
      scores: scores of all evaluations so far, by step.
    """
    write_json(checkpoint / HISTORY / HISTORY, as_history(scores))
    _write_score(checkpoint, scores[int(checkpoint.name)])


def repair_checkpoints(folder: Path, logged: Mapping[int, float]) -> None:
    """Removes what a kill has left, sets damaged checkpoints aside, and repairs scores.

    Args:
      folder: folder of the checkpoints; it need not exist.
      logged: the scores in metrics.jsonl, for checkpoints without a history. A checkpoint whose
        score is lost stays without one.

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
    """Removes what a failed or killed save has left."""
    for leftover in (*folder.glob(_UNFINISHED), *folder.glob(DELETED)):
        shutil.rmtree(leftover, ignore_errors=True)


def require_some(folder: Path) -> None:
    """Checks that not all checkpoints of a folder were set aside, now or before.

    Raises:
      UserError: they were.
    """
    if any(folder.glob("damaged-*")) and not list_steps(folder):
        raise UserError(
            f"no checkpoint in {folder} can be read; remove the folder to start again",
            code="checkpoint.none_readable",
        )


def set_aside(folder: Path, step: int, damage: str) -> None:
    """Renames a damaged checkpoint, with a warning: saving a step that exists would do nothing.

    Args:
      folder: folder of the checkpoints.
      step: the damaged step.
      damage: the damage, in words.
    """
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
    """Makes the score that Orbax reads agree with the history; readable if there is no history."""
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
    """Empties notes that Orbax cannot read and would report as an error."""
    try:
        json.loads(notes.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        if notes.is_dir():
            notes.rmdir()
        write_json(notes, {})


def _write_score(checkpoint: Path, score: float) -> None:
    (checkpoint / SCORE).mkdir(exist_ok=True)
    write_json(checkpoint / SCORE / SCORE, {"score": score})
