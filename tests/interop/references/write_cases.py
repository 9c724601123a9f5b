"""Writes goldens/SOURCE.npz: what references in PyTorch make of random weights and inputs.

The modules reference_*.py beside this one, with their `CASES`, were written from papers and from
the names of the published programs, not from the networks of this project. Of every case are kept
the shapes of its arrays, the shape of its input, and the outputs: weights and inputs are drawn anew
from a seed.

    PYTHONPATH=tests/interop/references python tests/interop/references/write_cases.py

needs torch.
"""

import importlib
import json
from pathlib import Path

import numpy as np
import torch
from random_weights import random_state_dict

FOLDER = Path(__file__).resolve().parents[1] / "goldens"


def compute(module: str) -> dict[str, dict[str, np.ndarray]]:
    """Goldens by source."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for case, (shapes, inputs, forward) in importlib.import_module(module).CASES.items():
        state = {
            name: torch.from_numpy(array) for name, array in random_state_dict(shapes, 0).items()
        }
        features = np.random.default_rng(0).standard_normal(inputs).astype(np.float32)
        with torch.no_grad():
            outputs = forward(state, torch.from_numpy(features)).numpy()
        source, _, variant = case.partition("@")
        found.setdefault(source, {})[f"{variant or 'plain'}/outputs"] = outputs
        found[source][f"{variant or 'plain'}/shapes"] = np.array(
            json.dumps({"arrays": shapes, "inputs": inputs})
        )
    return found


if __name__ == "__main__":
    for path in sorted(Path(__file__).parent.glob("reference_*.py")):
        for source, arrays in compute(path.stem).items():
            np.savez_compressed(FOLDER / f"{source}.npz", **arrays)
