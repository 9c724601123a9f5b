"""Keras's weights from HDF5: arrays by the path that they have in the file, and nothing else."""

from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.errors import UserError


def read_keras(path: Path) -> dict[str, np.ndarray]:
    """Reads all arrays, as "conv1/conv1_W_1:0".

    Raises:
      UserError: h5py is not installed, or the file is damaged.
    """
    try:
        import h5py
    except ImportError as error:
        raise UserError(
            f"{path} is HDF5, which needs h5py; install it (pip install 'mgr-jax[keras]')",
            code="package.missing",
        ) from error
    found = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found
