"""Weights that a run begins with: those of another run."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flax import traverse_util
from ml_collections import ConfigDict

from mgr_jax.data.cache import Tracks
from mgr_jax.data.pipeline import target_names
from mgr_jax.data.trained_on import TrainedOn, require_unseen, trained_on
from mgr_jax.errors import UserError
from mgr_jax.files import write_json
from mgr_jax.model_folder import read_description
from mgr_jax.training.checkpoint import read_variables

_FILE = "init_from.json"

Arrays = dict[tuple[str, ...], Any]


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where the first weights of a run come from; kept with it as init_from.json.

    Attributes:
      run: the folder of the other run.
      taken: a sentence that says what was taken of it.
      leak: how this run may leak by it; empty where it does not.
      trained_on: what those weights have seen, of that run and of those before it.
    """

    run: str
    taken: str
    leak: str
    trained_on: tuple[TrainedOn, ...]

    def keep(self, workdir: Path) -> None:
        """Writes init_from.json."""
        write_json(workdir / _FILE, dataclasses.asdict(self))


def inherited_leak(workdir: Path) -> str:
    """How a run may leak by the weights that it began with; empty where it does not.

    Raises:
      UserError: the run's init_from.json is damaged.
    """
    path = workdir / _FILE
    if not path.exists():
        return ""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["leak"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged; restore it or train again") from error


def initial_variables(
    variables: Mapping[str, Any],
    config: ConfigDict,
    splits: Mapping[str, Tracks],
    *,
    progress: bool = False,
) -> tuple[dict[str, Any], Origin]:
    """Puts the layers of `config.init_from` into the place of those of equal name and shape.

    A fusion takes its encoder from a run of another model. The last layer ("head") is taken only if
    both runs have the same classes, and statistics of the old run's data, which a front end may
    keep, are not.

    Args:
      variables: of this run, freshly initialised.
      config: of this run.
      splits: of this run, "train" and "validation".
      progress: show a bar where tracks are read to be compared.

    Returns:
      The variables, and where they come from.

    Raises:
      UserError: there is no such run, it has been trained on tracks that this one is scored on, or
        nothing of it fits.
    """
    workdir = Path(config.init_from).expanduser().absolute()
    try:
        before, seen = read_description(workdir), trained_on(workdir)
    except (OSError, ValueError, KeyError, TypeError, UserError) as error:
        raise UserError(
            f"config.init_from is {config.init_from}, which is not the folder of a run (it needs "
            "config.json, model.json, dataset.json, tracks.json and checkpoints/); name one"
        ) from error
    leak = require_unseen(seen, config, splits, progress=progress)
    same_classes = before.spec.task == config.task and before.classes == tuple(
        target_names(splits["train"], config.task)
    )
    old = traverse_util.flatten_dict(read_variables(workdir))
    if config.model.name == "fusion" != before.model["name"]:  # that network becomes the encoder
        old = {
            (*path[:2], "encoder", *path[2:]) if path[1] == "model" else path: array
            for path, array in old.items()
        }
    new = traverse_util.flatten_dict(dict(variables))
    # Layers as a whole: a bias without its kernel would mean nothing.
    other = {path[:-1] for path in new if path not in old or old[path].shape != new[path].shape}
    taken = {
        path: old[path]
        for path in new
        if path[:-1] not in other
        and path[:2] != ("batch_stats", "frontend")
        and (same_classes or "head" not in path)
        # What these have learnt belongs to the columns and names of the other run.
        and not (path[1:2] == ("model",) and path[2].startswith(("table", "category")))
    }
    if not any(path[:2] == ("params", "model") for path in taken):
        raise UserError(
            f"config.init_from is {config.init_from}, of whose network no weights have the name "
            "and shape of some of this network; use the run of a like network"
        )
    origin = Origin(str(workdir), _describe(taken, new, workdir), leak, seen)
    return traverse_util.unflatten_dict(new | taken), origin


def _describe(taken: Arrays, new: Arrays, workdir: Path) -> str:
    def count(arrays: Arrays) -> int:
        return sum(array.size for path, array in arrays.items() if path[0] == "params")

    fresh = sorted(
        {"/".join(path[1:-1]) for path in new if path[0] == "params" and path not in taken}
    )
    rest = f"; new: {', '.join(fresh)}" if fresh else ""
    return f"{count(taken):,} of {count(new):,} parameters are those of {workdir}{rest}."
