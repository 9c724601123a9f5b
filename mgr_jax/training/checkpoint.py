"""Reads checkpoints without a trainer, as host arrays, and checks them for damage.

Checksums of the files find damage before Orbax reads them. The history has a checksum of its own,
as a score may be added to it. Version 0.1.0 wrote neither: only Orbax shows whether one of its
checkpoints can be read.
"""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
import tensorstore

from mgr_jax.errors import UserError
from mgr_jax.integrity import digest_files, find_damage, has_sums, read_sealed

ITEMS = ("model", "optimizer")  # items with arrays
HISTORY = "history"  # the item, and its file, that keeps the run's evaluations so far
SCORE = "metrics"  # the item, and its file, by which Orbax finds the best
# What Orbax and TensorStore raise for damage that checksums do not find.
_DAMAGE = (ValueError, LookupError, OSError, TypeError, AttributeError, RuntimeError)


class DamagedError(Exception):
    """A checkpoint cannot be read, and why."""


def list_steps(folder: Path) -> list[int]:
    """The steps that a folder holds checkpoints of, the newest first."""
    found = (path.name for path in folder.glob("[0-9]*") if path.is_dir())
    return sorted((int(name) for name in found if name.isdecimal()), reverse=True)


def damage_of(checkpoint: Path, *items: str) -> str:
    """The damage of items of a checkpoint, in words; "" if there is none, or no checksum."""
    if has_sums(checkpoint):
        return next(filter(None, (find_damage(checkpoint, within=item) for item in items)), "")
    return "sums.json is missing" if (checkpoint / HISTORY).exists() else ""


def read_history(checkpoint: Path) -> dict[int, float] | None:
    """The scores, by step, of a run's evaluations so far; None if missing or damaged."""
    try:
        stored = read_sealed(checkpoint / HISTORY / HISTORY, "")
        return {int(step): float(score) for step, score in stored["evaluations"]}
    except (UserError, LookupError, ValueError, TypeError):
        return None


def read_score(checkpoint: Path) -> float | None:
    """The score of a checkpoint; None if it was not evaluated.

    Raises:
      ValueError: it is damaged.
    """
    if (history := read_history(checkpoint)) is not None:
        return history.get(int(checkpoint.name))
    return read_orbax_score(checkpoint)


def read_orbax_score(checkpoint: Path) -> float | None:
    """The score that Orbax reads; None if there is none.

    Raises:
      ValueError: it is damaged.
    """
    if not (checkpoint / SCORE).exists():  # an interrupted run's has no score
        return None
    try:
        stored = json.loads((checkpoint / SCORE / SCORE).read_text(encoding="utf-8"))
        return float(stored["score"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise ValueError("the score is damaged") from error


def load_variables(
    workdir: Path, variables: dict[str, Any] | None = None, which: str | int = "best"
) -> dict[str, Any]:
    """Reads what prediction needs from a run's checkpoints.

    If the best or the latest checkpoint is damaged, another one is read, with a warning: the next
    older one, else a newer one.

    Args:
      workdir: folder of the run.
      variables: arrays of the shapes to restore into, abstract or not; None: as in the checkpoint.
      which: "best" by validation score, "latest", or a step.

    Returns:
      The variables, `params` and `batch_stats`.

    Raises:
      UserError: no such checkpoint, another architecture, or damaged files.
    """
    folder = Path(workdir).absolute() / "checkpoints"
    return _read_step(folder, _candidates(folder, str(which)), variables)


def digest_weights(workdir: Path, which: str | int = "best") -> str:
    """Identifies the weights that `load_variables` would read, without reading them.

    Args:
      workdir: folder of the run.
      which: see `load_variables`.

    Returns:
      SHA-256, in hexadecimal, of the checksums of their files.

    Raises:
      UserError: see `load_variables`.
    """
    folder = Path(workdir).absolute() / "checkpoints"
    steps = _candidates(folder, str(which))
    whole = (step for step in steps if not damage_of(folder / str(step), "model"))
    return digest_files(folder / str(next(whole, steps[0])) / "model")


def _candidates(folder: Path, which: str) -> list[int]:
    """The wanted step, and those that replace it if it is damaged."""
    steps = list_steps(folder)
    if not steps:
        raise UserError(
            f"{folder} holds no finished checkpoint; train for longer first",
            code="checkpoint.none",
        )
    if which in ("best", "latest"):
        first = _best_step(folder, steps) if which == "best" else steps[0]
        older, newer = (s for s in steps if s < first), (s for s in reversed(steps) if s > first)
        return [first, *older, *newer]
    if not which.isdecimal() or int(which) not in steps:
        raise UserError(
            f"{folder} has no checkpoint '{which}'; choose best, latest or one of "
            f"{', '.join(map(str, reversed(steps)))}",
            code="checkpoint.no_such_step",
        )
    return [int(which)]


def _best_step(folder: Path, steps: list[int]) -> int:
    """The step with the best score, of equal ones the latest, as Orbax does; else the latest."""
    scored = {}
    for step in steps:
        try:
            if (score := read_score(folder / str(step))) is not None:
                scored[step] = score
        except ValueError:
            warnings.warn(
                f"the score of checkpoint {folder / str(step)} is damaged; it is not considered "
                "for the best",
                stacklevel=5,
            )
    return max(scored, key=lambda step: (scored[step], step), default=steps[0])


def _read_step(folder: Path, steps: list[int], variables: dict[str, Any] | None) -> dict[str, Any]:
    """The variables of the first undamaged step of several."""
    damaged = []
    for step in steps:
        try:
            found = restore_items(folder / str(step), {"model": variables})["model"]
        except DamagedError as error:
            damaged.append(f"checkpoint {folder / str(step)} is damaged ({error})")
            continue
        if damaged:
            told = f"{'; '.join(damaged)}; that of step {step} is used instead"
            warnings.warn(told, stacklevel=4)
        return found
    raise UserError(
        f"{'; '.join(damaged)}; restore it, or "
        + ("name another step" if len(list_steps(folder)) > len(steps) else "train again"),
        code="checkpoint.damaged",
    )


def restore_items(checkpoint: Path, trees: Mapping[str, Any]) -> dict[str, Any]:
    """Reads items as host arrays.

    Args:
      checkpoint: folder of the checkpoint.
      trees: by item, arrays of the shapes to restore into; None: as in the checkpoint.

    Returns:
      The arrays by item.

    Raises:
      DamagedError: files are damaged, according to checksums or Orbax.
      UserError: the checkpoint is of another architecture.
    """
    if damage := damage_of(checkpoint, *trees):
        raise DamagedError(damage)
    found = {}
    for item, tree in trees.items():
        handler = ocp.StandardCheckpointHandler()
        try:
            if not has_sums(checkpoint):
                _read_through(checkpoint / item)
            stored = handler.metadata(checkpoint / item).tree
            wanted = stored if tree is None else tree
            _require_shapes(checkpoint, stored, wanted)
            arguments = ocp.args.StandardRestore(_host(wanted))
            found[item] = handler.restore(checkpoint / item, args=arguments)
        except _DAMAGE as error:
            raise DamagedError(type(error).__name__) from error
    return found


def _read_through(item: Path) -> None:
    """Reads all arrays of an item one by one; raises TensorStore's error if one is damaged.

    Orbax reads them at once and stops at the first error; TensorStore prints the other errors to
    stderr, with tracebacks.
    """
    store = {"driver": "ocdbt", "base": {"driver": "file", "path": f"{item}/"}}
    keys = [key.decode() for key in tensorstore.KvStore.open(store).result().list().result()]
    names = [key.removesuffix(".zarray") for key in keys if key.endswith(".zarray")]
    if not names:
        raise ValueError("it holds no arrays")
    for name in names:
        array = {"driver": "zarr", "kvstore": {**store, "path": name}}
        tensorstore.open(array, open=True).result().read().result()


def _require_shapes(checkpoint: Path, stored: Any, tree: Any) -> None:
    there, wanted = _shapes(stored), _shapes(tree)
    if not there:
        raise ValueError("it is empty")
    for name in sorted({*there, *wanted}):
        if there.get(name) != wanted.get(name):
            raise UserError(
                f"checkpoint {checkpoint} is of another architecture: {name} is "
                f"{there.get(name, 'absent')} there but {wanted.get(name, 'absent')} in the "
                "config; use the config it was trained with or another workdir",
                code="checkpoint.other_network",
            )


def _host(tree: Any) -> Any:
    """Host arrays of the given shapes, so that restoring needs no device."""
    return jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), tree)


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): x.shape for path, x in leaves}
