"""Reads the arrays of a file of weights, whichever program wrote it; never runs what it holds.

What the file is, its first bytes say: PyTorch's state dicts (zip and the older form), Keras's HDF5,
NumPy's .npz.
"""

import zipfile
from pathlib import Path

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.files import require_regular
from mgr_jax.interop.source import Tensors


def read_tensors(path: Path, checkpoint: str | None = None) -> Tensors:
    """Reads all arrays.

    Args:
      path: of the file.
      checkpoint: which, where it holds several.

    Raises:
      UserError: there is no such file, it is damaged, of no known form, or asks for more than
        arrays.
    """
    if not path.is_file():
        require_regular(path)
        raise UserError(
            f"{path} is not there; give the path of a file of weights", code="file.not_found"
        )
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        from mgr_jax.interop.keras_file import read_keras  # which needs h5py

        return Tensors(read_keras(path), path.name)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as zipped:
            names = zipped.namelist()
        if any(name.endswith("/data.pkl") for name in names):
            from mgr_jax.interop.torch_file import read_zip

            return Tensors(read_zip(path), path.name)
        if names and all(name.endswith(".npy") for name in names):
            with np.load(path, allow_pickle=False) as arrays:
                return Tensors({name: arrays[name] for name in arrays.files}, path.name)
    if head.startswith(b"\x80"):
        from mgr_jax.interop.torch_file import read_legacy

        return Tensors(read_legacy(path), path.name)
    raise UserError(
        f"{path} is no file of weights that can be read; give PyTorch's (.pt, .pth), Keras's "
        "(.h5) or NumPy's (.npz)",
        code="weights.unknown_form",
    )
