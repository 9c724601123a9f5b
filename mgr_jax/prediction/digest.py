"""What tells one trained network from another, wherever its folder lies."""

import dataclasses
import hashlib
import json

import jax
import numpy as np

from mgr_jax.prediction.predictor import Predictor


def digest_of(predictor: Predictor) -> str:
    """SHA-256 of what computes: front end, network, clips and weights, but not what is decided."""
    described = predictor.description
    told = {
        "frontend": described.frontend,
        "model": described.model,
        "input_norm": described.input_norm,
        "compute_dtype": described.compute_dtype,
        "spec": dataclasses.asdict(described.spec),
        "classes": described.classes,
    }
    total = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for path, leaf in jax.tree_util.tree_leaves_with_path(predictor.engine.variables):
        values = np.asarray(leaf)
        total.update(f"{jax.tree_util.keystr(path)} {values.dtype} {values.shape}".encode())
        total.update(np.ascontiguousarray(values).tobytes())
    return total.hexdigest()
