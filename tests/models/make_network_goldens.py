"""Writes goldens/networks.npz: logits of every small network under fixed weights, by its name.

Weights that were released are not part of the project; what a network makes of weights is held by
this file, which was written when the released ones gave their published outputs. A change that is
meant to keep outputs must pass the test without writing it anew. Networks it lacks are added by

    PYTHONPATH=tests/helpers python tests/models/make_network_goldens.py
"""

from pathlib import Path

import jax
import numpy as np
from fixed_weights import fixed_variables
from small_networks import SMALLER

from mgr_jax.models import create_model

FILE = Path(__file__).parent / "goldens" / "networks.npz"
CLASSES = 7


def make_logits(name: str) -> np.ndarray:
    """Logits [2, classes] of two inputs of noise."""
    fields, shape = SMALLER[name]
    model = create_model(name, num_classes=CLASSES, **fields)
    features = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), features, train=False))
    apply = jax.jit(lambda variables: model.apply(variables, features, train=False)[0])
    return np.asarray(apply(fixed_variables(shapes)))


if __name__ == "__main__":
    kept = dict(np.load(FILE)) if FILE.exists() else {}
    made = {name: kept[name] if name in kept else make_logits(name) for name in sorted(SMALLER)}
    np.savez_compressed(FILE, **made)
