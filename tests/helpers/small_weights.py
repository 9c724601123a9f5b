"""A file of weights as another program would have written it, small and of random numbers."""

from pathlib import Path

import numpy as np


def write_fcn(path: Path, *, classes: int = 3, seed: int = 0) -> Path:
    """An .npz of the FCN of Won et al. 2020, with two channels a layer."""
    rng = np.random.default_rng(seed)
    arrays = {}

    def norm(name: str, width: int) -> None:
        arrays[f"{name}.num_batches_tracked"] = np.array(7)
        arrays[f"{name}.running_var"] = rng.uniform(0.5, 2, width)
        for part in ("weight", "bias", "running_mean"):
            arrays[f"{name}.{part}"] = rng.standard_normal(width)

    norm("spec_bn", 1)
    for layer in range(1, 6):
        arrays[f"layer{layer}.conv.weight"] = rng.standard_normal((2, 1 if layer == 1 else 2, 3, 3))
        arrays[f"layer{layer}.conv.bias"] = rng.standard_normal(2)
        norm(f"layer{layer}.bn", 2)
    arrays["dense.weight"] = rng.standard_normal((classes, 2))
    arrays["dense.bias"] = rng.standard_normal(classes)
    np.savez(path, **{name: np.asarray(array, np.float32) for name, array in arrays.items()})
    return path
