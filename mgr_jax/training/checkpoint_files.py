"""The folders of a run's checkpoints as files: which of them are whole, and what was scored.

Damage is found here, by sums of the files, before Orbax is asked. The history is sealed on its own,
as a score may be added to it. Version 0.1.0 wrote neither: of its checkpoints only Orbax can tell
whether they can be read.
"""

import json
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mgr_jax.errors import UserError
from mgr_jax.files import write_json
from mgr_jax.integrity import find_damage, has_sums, read_sealed, seal

ITEMS = ("model", "optimizer")  # of arrays
HISTORY = "history"  # the item, and its file, that keeps the evaluations which a run had had
DELETED = "deleted"  # where Orbax moves what is to be deleted, so that no kill leaves half of one
NOTES = "_CHECKPOINT_METADATA"  # what Orbax tells of itself, which nothing needs
SCORE = "metrics"  # the item, and its file, from which Orbax knows the best
_UNFINISHED = "*.orbax-checkpoint-tmp*"


def list_steps(folder: Path) -> list[int]:
    """The steps of which a folder holds checkpoints, the newest first."""
    found = (path.name for path in folder.glob("[0-9]*") if path.is_dir())
    return sorted((int(name) for name in found if name.isdecimal()), reverse=True)


def damage_of(checkpoint: Path, *items: str) -> str:
    """What is wrong with items of a checkpoint, in words; "" if nothing, or nothing tells."""
    if has_sums(checkpoint):
        return next(filter(None, (find_damage(checkpoint, within=item) for item in items)), "")
    return "sums.json is missing" if (checkpoint / HISTORY).exists() else ""


def read_history(checkpoint: Path) -> dict[int, float] | None:
    """The scores, by step, of the evaluations that a run had had; None without or damaged."""
    try:
        stored = read_sealed(checkpoint / HISTORY / HISTORY, "")
        return {int(step): float(score) for step, score in stored["evaluations"]}
    except (UserError, LookupError, ValueError, TypeError):
        return None


def as_history(scores: Mapping[int, float]) -> dict[str, Any]:
    """What `read_history` reads, as JSON."""
    return seal({"evaluations": list(scores.items())})


def add_score(checkpoint: Path, scores: Mapping[int, float]) -> None:
    """Gives a checkpoint that was saved without a score one, the last of a history."""
    write_json(checkpoint / HISTORY / HISTORY, as_history(scores))
    _write_score(checkpoint, scores[int(checkpoint.name)])


def read_score(checkpoint: Path) -> float | None:
    """The score of a checkpoint; None where it was not evaluated.

    Raises:
      ValueError: it is damaged.
    """
    if (history := read_history(checkpoint)) is not None:
        return history.get(int(checkpoint.name))
    return _orbax_score(checkpoint)


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
        _drop_damaged(folder / str(step) / NOTES)


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
        stored = _orbax_score(checkpoint)
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


def _drop_damaged(notes: Path) -> None:
    """Removes notes that Orbax could not read, which it would tell of as of an error."""
    try:
        json.loads(notes.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        notes.rename(notes.with_name("damaged_metadata"))


def _write_score(checkpoint: Path, score: float) -> None:
    (checkpoint / SCORE).mkdir(exist_ok=True)
    write_json(checkpoint / SCORE / SCORE, {"score": score})


def _orbax_score(checkpoint: Path) -> float | None:
    """What Orbax reads; None where there is none.

    Raises:
      ValueError: it is damaged.
    """
    if not (checkpoint / SCORE).exists():  # an interrupted run's has no score
        return None
    try:
        stored = json.loads((checkpoint / SCORE / SCORE).read_text(encoding="utf-8"))
        return float(stored["score"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ValueError("the score is damaged") from error
