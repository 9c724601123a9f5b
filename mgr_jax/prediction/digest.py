"""Identifies a trained network by its content, independent of its folder."""

import dataclasses
import hashlib
import json
import os

from mgr_jax.model_folder import find_model, read_description
from mgr_jax.training.checkpoint import digest_weights


def digest_network(model: str | os.PathLike[str], checkpoint: str | int = "best") -> str:
    """SHA-256 of what the outputs depend on: front end, network, clips and weights.

    Thresholds and temperatures are left out, so that embeddings stay valid when a model is
    calibrated. (`Origin.model_digest` covers everything in the folder.)

    Args:
      model: the folder of a trained model, or the name of a pretrained one.
      checkpoint: "best" by validation score, "latest", or a step.
    """
    folder = find_model(model)
    described = read_description(folder)
    told = {
        "frontend": described.frontend,
        "model": described.model,
        "input_norm": described.input_norm,
        "compute_dtype": described.compute_dtype,
        "spec": dataclasses.asdict(described.spec),
        "classes": described.classes,
        "weights": digest_weights(folder, checkpoint),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
