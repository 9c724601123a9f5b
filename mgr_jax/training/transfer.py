"""Initial weights from another run (config.init_from), as far as they fit."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flax import traverse_util
from ml_collections import ConfigDict

from mgr_jax.data.cache import Tracks
from mgr_jax.data.init_from import Origin, find_origin
from mgr_jax.data.pipeline import target_names
from mgr_jax.errors import UserError
from mgr_jax.model_folder import find_model, read_description
from mgr_jax.training.checkpoint import load_variables

log = logging.getLogger(__name__)


def initial_variables(
    variables: Mapping[str, Any],
    config: ConfigDict,
    splits: Mapping[str, Tracks],
    *,
    progress: bool = False,
) -> tuple[dict[str, Any], Origin]:
    """Replaces layers by those of `config.init_from` with the same name and shape.

    A fusion takes its encoder from a run of another model; from a taught model its encoder is
    taken. See `_take_weights`.

    Args:
      variables: variables of this run, freshly initialised.
      config: config of this run.
      splits: tracks of this run, "train" and "validation".
      progress: show a bar while tracks are compared, and log which weights are taken.

    Returns:
      The variables, and their origin.

    Raises:
      UserError: there is no such run, it was trained on tracks that this run is scored on, or no
        layer fits.
    """
    try:
        before = read_description(folder := find_model(config.init_from))
    except UserError as error:
        raise UserError(
            f"config.init_from is {config.init_from}, which is not the folder of a run ({error})",
            code="init_from.not_a_run",
        ) from error
    classes = target_names(splits["train"], config.task)
    origin = find_origin(
        folder,
        config,
        splits,
        model=before.model["name"],
        same_classes=(before.spec.task, before.classes) == (config.task, tuple(classes)),
        progress=progress,
    )
    begun, taken = _take_weights(
        variables,
        load_variables(Path(origin.run)),
        origin.run,
        into_encoder=config.model.name == "fusion" != origin.model,
        out_of_encoder=(was_taught := origin.model == "taught" != config.model.name),
        same_classes=origin.same_classes and not was_taught,
    )
    if not taken:
        raise UserError(
            f"config.init_from is {config.init_from}, without a layer of the name and shape "
            "of one of this network; give the run of a similar network",
            code="init_from.no_weights",
        )
    if progress:
        log.info(taken)
    return begun, dataclasses.replace(origin, taken=taken)


def _take_weights(
    new: Mapping[str, Any],
    old: Mapping[str, Any],
    run: str,
    *,
    into_encoder: bool,
    out_of_encoder: bool,
    same_classes: bool,
) -> tuple[dict[str, Any], str]:
    """Replaces layers by those of another run with the same name and shape.

    Statistics of the old run's data, which a front end may keep, are not taken.

    Args:
      new: variables of this run, freshly initialised.
      old: variables of the other run.
      run: folder of the other run, for messages.
      into_encoder: the old network becomes the encoder of a fusion.
      out_of_encoder: the old network was taught, and the new one is like its encoder.
      same_classes: also take the last layer ("head").

    Returns:
      The variables, and a sentence on what was taken; empty if nothing fits.
    """
    fresh, known = (traverse_util.flatten_dict(dict(tree)) for tree in (new, old))
    if out_of_encoder:
        known = {
            (*path[:2], *path[3:]) if path[1] == "model" else path: array
            for path, array in known.items()
            if path[1] != "model" or path[2] == "encoder"  # not its own head
        }
    if into_encoder:
        known = {
            (*path[:2], "encoder", *path[2:]) if path[1] == "model" else path: array
            for path, array in known.items()
        }
    # Whole layers: a bias without its kernel would be meaningless.
    other = {p[:-1] for p in fresh if p not in known or known[p].shape != fresh[p].shape}
    taken = {
        path: known[path]
        for path in fresh
        if path[:-1] not in other
        and path[:2] != ("batch_stats", "frontend")
        and (same_classes or "head" not in path)
        # These were learnt for the columns and names of the other run.
        and not (path[1:2] == ("model",) and path[2].startswith(("table", "category")))
    }
    if not any(path[:2] == ("params", "model") for path in taken):
        return dict(new), ""
    of_all, of_new = (
        sum(x.size for path, x in arrays.items() if path[0] == "params")
        for arrays in (fresh, taken)
    )
    rest = sorted({"/".join(p[1:-1]) for p in fresh if p[0] == "params" and p not in taken})
    told = f"{of_new:,} of {of_all:,} parameters are taken from {run}"
    told += f"; new: {', '.join(rest)}." if rest else "."
    return traverse_util.unflatten_dict(fresh | taken), told
