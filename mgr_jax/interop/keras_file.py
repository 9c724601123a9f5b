"""Reads arrays of Keras's weights from HDF5, by their path in the file."""

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.errors import UserError, some_names
from mgr_jax.interop.limits import Room, damaged, require_name

_MEMBER = "model.weights.h5"  # member of .keras archives
_MODEL = "model_weights/"  # in files of whole models, beside "optimizer_weights/"
_KINDS = "fiub"

Found = tuple[dict[str, np.ndarray], list[str]]


def read_keras(path: Path, zipped: zipfile.ZipFile | None = None) -> Found:
    """Reads all arrays, under names such as "conv1/conv1_W_1:0".

    From a file of a whole model the optimizer's arrays are left out, and "model_weights/" is
    removed from the names.

    Args:
      path: path of the file.
      zipped: the archive, if it is a .keras archive.

    Returns:
      Arrays by name, and notes on them.

    Raises:
      UserError: h5py is not installed, or the file is damaged, or links to other files.
    """
    try:
        import h5py
    except ImportError as error:
        raise UserError(
            f"{path} is HDF5, which needs h5py; install it (pip install 'mgr-jax[keras]')",
            code="package.missing",
        ) from error
    room = Room(path)
    content: Any = path if zipped is None else io.BytesIO(room.read(zipped, _MEMBER))
    with h5py.File(content, "r") as file:
        arrays, left = _Reader(h5py, room).read(file)
    notes = []
    if left:
        notes.append(f"Left out, as not arrays of numbers: {some_names(left, 12)}.")
    if any(name.startswith(_MODEL) for name in arrays):
        others = sorted(name for name in arrays if not name.startswith(_MODEL))
        arrays = {
            name.removeprefix(_MODEL): array
            for name, array in arrays.items()
            if name.startswith(_MODEL)
        }
        if others:
            notes.append(f"Left out beside the model's weights: {some_names(others, 12)}.")
    return arrays, notes


class _Reader:
    """Follows only hard links of an HDF5 file, and reads only what is in the file itself."""

    def __init__(self, h5py: Any, room: Room) -> None:
        self._h5py, self._room = h5py, room

    def read(self, file: Any) -> tuple[dict[str, np.ndarray], list[str]]:
        h5 = self._h5py
        arrays: dict[str, np.ndarray] = {}
        left: list[str] = []
        seen = {_address(h5, file)}
        waiting = [("", file)]
        while waiting:
            prefix, group = waiting.pop()
            for key in group:
                name = require_name(self._room.path, f"{prefix}{key}")
                if type(group.get(key, getlink=True)) is not h5.HardLink:
                    raise self._points_elsewhere(name)
                item = group[key]
                if isinstance(item, h5.Group):
                    if (address := _address(h5, item)) in seen:
                        raise damaged(self._room.path, f"{name} is a group that was there before")
                    seen.add(address)
                    waiting.append((f"{name}/", item))
                elif self._is_array(item):
                    arrays[name] = self._array(name, item)
                else:
                    left.append(name)
        return dict(sorted(arrays.items())), sorted(left)

    def _is_array(self, item: Any) -> bool:
        """Whether an item is an array of numbers; one without a shape holds nothing."""
        known = isinstance(item, self._h5py.Dataset) and item.shape is not None
        return known and item.dtype.kind in _KINDS

    def _array(self, name: str, dataset: Any) -> np.ndarray:
        h5d, created = self._h5py.h5d, dataset.id.get_create_plist()
        layout = created.get_layout()
        if layout == h5d.VIRTUAL or created.get_external_count():
            raise self._points_elsewhere(name)
        if layout == h5d.CHUNKED:  # a damaged chunk can crash the library
            raise UserError(
                f"{self._room.path} stores {name} in chunks, unlike Keras; "
                "rewrite it with h5repack -l CONTI -f NONE",
                code="weights.in_chunks",
            )
        self._room.take(math.prod(dataset.shape) * dataset.dtype.itemsize)
        array = dataset[()]
        return np.asarray(array, array.dtype.newbyteorder("="))

    def _points_elsewhere(self, name: str) -> UserError:
        return UserError(
            f"{self._room.path} links to another place for {name}, which was not read; give a "
            "file that contains its arrays, as Keras writes it",
            code="weights.points_elsewhere",
        )


def _address(h5: Any, group: Any) -> tuple[int, int]:
    info = h5.h5o.get_info(group.id)
    return info.fileno, info.addr
