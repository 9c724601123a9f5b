"""Beginning with the weights of another run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from flax import traverse_util
from ml_collections import ConfigDict

from mgr_jax.data.cache import Tracks
from mgr_jax.data.pipeline import open_split, target_names
from mgr_jax.errors import UserError
from mgr_jax.training.checkpoint import read_variables

Arrays = dict[tuple[str, ...], Any]


def initial_variables(
    variables: Mapping[str, Any], config: ConfigDict, splits: Mapping[str, Tracks]
) -> tuple[dict[str, Any], str]:
    """Puts the layers of `config.init_from` into the place of those of equal name and shape.

    A fusion takes its encoder from a run of another model. The last layer ("head") is taken only if
    both runs have the same classes, and statistics of the old run's data, which a front end may
    keep, are not.

    Args:
      variables: of this run, freshly initialised.
      config: of this run.
      splits: of this run, "train" and "validation".

    Returns:
      The variables, and a sentence that says what was taken.

    Raises:
      UserError: there is no such run, it has been trained on tracks that this one is scored on, or
        nothing of it fits.
    """
    workdir = Path(config.init_from).expanduser()
    try:
        labels = json.loads((workdir / "labels.json").read_text())
        before = json.loads((workdir / "config.json").read_text())
        dataset, model = before["dataset"], before["model"]["name"]
        tracks = json.loads((workdir / "tracks.json").read_text())
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"config.init_from is {config.init_from}, which is not the folder of a run (it needs "
            "config.json, labels.json, tracks.json and checkpoints/); name one"
        ) from error
    if dataset == config.dataset:
        _require_unseen(tracks["train"], config, splits)
    same_classes = labels["task"] == config.task and list(labels["classes"]) == list(
        target_names(splits["train"], config.task)
    )
    old = traverse_util.flatten_dict(read_variables(workdir))
    if config.model.name == "fusion" != model:  # then that network becomes the encoder
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
    return traverse_util.unflatten_dict(new | taken), _describe(taken, new, workdir)


def _require_unseen(trained: list[str], config: ConfigDict, splits: Mapping[str, Tracks]) -> None:
    scored = {"validation": splits["validation"]}
    if "test" in splits["train"].account["tracks"]:
        scored["test"] = open_split(config, "test")
    for name, tracks in scored.items():
        if seen := np.isin(tracks.track_id, trained).sum():
            raise UserError(
                f"config.init_from is {config.init_from}, which was trained on {seen} of the "
                f"{len(tracks)} {name} tracks of this run; use a run of the same splits"
            )


def _describe(taken: Arrays, new: Arrays, workdir: Path) -> str:
    def count(arrays: Arrays) -> int:
        return sum(array.size for path, array in arrays.items() if path[0] == "params")

    fresh = sorted(
        {"/".join(path[1:-1]) for path in new if path[0] == "params" and path not in taken}
    )
    rest = f"; new: {', '.join(fresh)}" if fresh else ""
    return f"{count(taken):,} of {count(new):,} parameters are those of {workdir}{rest}."
