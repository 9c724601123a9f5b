"""Writes the model description of a config. Prediction does not need it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

import mgr_jax
from mgr_jax.config import load_config, to_json
from mgr_jax.errors import UserError
from mgr_jax.input_spec import InputSpec
from mgr_jax.integrity import read_sealed
from mgr_jax.model_folder import (
    BEFORE_LENGTHS,
    DAMAGE,
    FILE,
    ModelDescription,
    parse_spec,
    reason,
)
from mgr_jax.side_inputs import SideInputs

_OLD = "restore it, or train again in another folder"


def describe_model(
    config: ConfigDict,
    spec: InputSpec,
    labels: Mapping[str, Any],
    side: SideInputs,
    account: Mapping[str, Any],
    protocol: Mapping[str, Any] | None,
    version: str | None = mgr_jax.__version__,
) -> ModelDescription:
    """The description of the classifier that a config describes.

    Args:
      config: of the run.
      spec: see `create_classifier`.
      labels: `classes` and `training_tracks`.
      side: its inputs besides the sound.
      account: the dataset's protocol.json.
      protocol: see `Protocol.as_dict`; None: not known.
      version: of the mgr_jax that trained it; None: not known.
    """
    return ModelDescription(
        frontend=config.frontend.to_dict(),
        model=config.model.to_dict(),
        input_norm=config.input_norm,
        compute_dtype=config.compute_dtype,
        spec=spec,
        classes=tuple(labels["classes"]),
        training_tracks=tuple(labels["training_tracks"]),
        trained_to_classify=bool(config.classification_weight),
        side=side,
        provenance={
            "mgr_jax": version,
            "config": hashlib.sha256(to_json(config).encode()).hexdigest(),
            "dataset": config.dataset,
            "source": account.get("source"),
            "license": account.get("license"),
            "protocol": protocol,
            "init_from": config.init_from or None,
        },
    )


def describe_old_run(folder: Path) -> ModelDescription:
    """The description of a run of version 0.1.0, from its five files.

    Raises:
      UserError: a file is missing or damaged.
    """
    config = load_config(folder / "config.json")
    labels, given, account = (
        read_sealed(folder / f"{name}.json", f"{folder} has no {FILE} either; {_OLD}")
        for name in ("labels", "input_spec", "dataset")
    )
    side = folder / "side_inputs.json"  # of a fusion alone
    path = folder / "input_spec.json"
    try:
        columns = account.get("columns", ()) if config.frontend.name == "precomputed" else ()
        added = {"eval_segments": config.eval_segments, "columns": list(columns)}
        spec = parse_spec(BEFORE_LENGTHS | added | given)
        path = side
        inputs = SideInputs.from_dict(read_sealed(side, _OLD)) if side.exists() else SideInputs()
        path = folder / "labels.json"
        return describe_model(config, spec, labels, inputs, account, None, None)
    except DAMAGE as error:
        raise UserError(
            f"{path} is damaged ({reason(error)}); {_OLD}", code="model.damaged"
        ) from error
