"""The origin of results: the model, identified by its description and weights, and all settings."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import mgr_jax
from mgr_jax.model_folder import FILE, find_model, read_description
from mgr_jax.training.checkpoint import digest_weights


@dataclasses.dataclass(frozen=True)
class Origin:
    """The origin of results.

    Attributes:
      model: its folder, as it was given.
      model_digest: digest of its description and its weights.
      mgr_jax: the version that wrote the results.
      settings: what else they depend on, of JSON's types.
      classes: classes of the model.
    """

    model: str
    model_digest: str
    mgr_jax: str
    settings: Mapping[str, Any]
    classes: tuple[str, ...]


def describe_origin(
    model: str | os.PathLike[str], checkpoint: str | int, settings: Mapping[str, Any]
) -> Origin:
    """The origin of predictions that are made now.

    Args:
      model: the folder of a trained model, or the name of a pretrained one.
      checkpoint: "best" by validation score, "latest", or a step.
      settings: what else they depend on.
    """
    folder = find_model(model)
    description = read_description(folder)
    source = next(folder / name for name in (FILE, "config.json") if (folder / name).exists())
    digest = hashlib.sha256(source.read_bytes())
    digest.update(digest_weights(folder, checkpoint).encode())
    return Origin(
        model=str(model),
        model_digest=digest.hexdigest(),
        mgr_jax=mgr_jax.__version__,
        settings=json.loads(json.dumps(dict(settings), default=str)),
        classes=description.classes,
    )
