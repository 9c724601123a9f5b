"""Reads PyTorch's files without PyTorch: tensors of zip archives, and of the older form."""

import io
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.interop.limits import Room, damaged
from mgr_jax.interop.state_dict import unwrap
from mgr_jax.interop.torch_pickle import Storage, Tensor, read_pickle

_MAGIC = 0x1950A86A20F9469CFC6C
_MOST_AXES = 32

Found = tuple[dict[str, np.ndarray], list[str]]


def read_zip(path: Path, zipped: zipfile.ZipFile) -> Found:
    """Reads a file that PyTorch 1.6 or later wrote.

    Args:
      path: path of the file.
      zipped: the archive.

    Returns:
      Arrays by name, and notes on them; see `unwrap`.

    Raises:
      UserError: it contains more than tensors, or claims more than it holds.
    """
    names = zipped.namelist()
    pickled = [name for name in names if f"/{name}".endswith("/data.pkl")]
    if len(pickled) != 1:
        raise damaged(path, "it has more than one data.pkl")
    folder = pickled[0].removesuffix("data.pkl")
    if f"{folder}constants.pkl" in names:
        raise UserError(
            f"{path} is a TorchScript program, not a file of weights; give the state dict, as "
            "torch.save(torch.jit.load(…).state_dict(), …) writes it",
            code="weights.not_tensors",
        )
    room = Room(path)
    order: Literal["<", ">"] = "<"
    if f"{folder}byteorder" in names and room.read(zipped, f"{folder}byteorder") == b"big":
        order = ">"
    tree = read_pickle(io.BytesIO(room.read(zipped, pickled[0])), path)

    def read(storage: Storage) -> np.ndarray:
        return _numbers(room.read(zipped, f"{folder}data/{storage.key}"), storage.dtype, order)

    return _read(tree, read, room)


def read_legacy(path: Path) -> Found:
    """Reads a file that PyTorch before 1.6 wrote; see `read_zip`.

    Args:
      path: path of the file.

    Returns:
      See `read_zip`.

    Raises:
      UserError: see `read_zip`.
    """
    data = path.read_bytes()
    stream, storages = io.BytesIO(data), dict[str, Storage]()
    if read_pickle(stream, path) != _MAGIC:
        raise UserError(
            f"{path} is a pickle, but none of PyTorch; give a state dict, as "
            "torch.save(model.state_dict(), …) writes it",
            code="weights.unknown_form",
        )
    for _ in range(2):  # version, machine
        read_pickle(stream, path)
    tree = read_pickle(stream, path, storages)
    keys = read_pickle(stream, path)
    at, places = stream.tell(), {}
    for key in map(str, keys):
        if key not in storages:
            raise damaged(path, f"no tensor is in storage {key}")
        size = int.from_bytes(data[at : at + 8], "little") * _width(storages[key].dtype)
        places[key] = slice(at + 8, at + 8 + size)
        at += 8 + size
        if at > len(data):
            raise damaged(path, f"storage {key} is not whole")

    def read(storage: Storage) -> np.ndarray:
        return _numbers(memoryview(data)[places[storage.key]], storage.dtype)

    return _read(tree, read, Room(path))


def _width(dtype: str) -> int:
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def _numbers(data: bytes | memoryview, dtype: str, order: Literal["<", ">"] = "<") -> np.ndarray:
    """The contents of a storage, [numbers]."""
    if dtype == "bfloat16":  # the upper half of a float32
        upper = np.frombuffer(data, f"{order}u2").astype(np.uint32)
        return (upper << 16).view(np.float32)
    return np.frombuffer(data, np.dtype(dtype).newbyteorder(order))


def _read(tree: Any, read: Callable[[Storage], np.ndarray], room: Room) -> Found:
    tensors, notes = unwrap(tree, room.path, Tensor)
    stored: dict[tuple[str, str], np.ndarray] = {}
    arrays = {}
    for name, tensor in tensors.items():
        key = tensor.storage.key, tensor.storage.dtype
        if key not in stored:
            stored[key] = read(tensor.storage)
        try:
            arrays[name] = _view(tensor, stored[key], room)
        except (ValueError, TypeError) as error:
            raise damaged(room.path, f"{name}: {error}") from error
    return arrays, notes


def _view(tensor: Tensor, numbers: np.ndarray, room: Room) -> np.ndarray:
    """A tensor, copied out of its storage after all its claims were checked."""
    storage, dtype, first, shape, strides = tensor
    if len(shape) != len(strides) or len(shape) > _MOST_AXES:
        raise ValueError("its shape and its strides do not fit together")
    sizes = [storage.first, storage.size, first, *shape, *strides]
    if not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError("its sizes are no whole numbers")
    if storage.first + storage.size > len(numbers):
        raise ValueError("its storage is not whole")
    numbers = numbers[storage.first : storage.first + storage.size]
    if dtype != storage.dtype:  # bytes whose type is given by the tensor
        if storage.dtype != "u1" or dtype == "bfloat16":
            raise ValueError(f"{dtype} in a storage of {storage.dtype}")
        numbers = _numbers(numbers.tobytes(), dtype)
    count = math.prod(shape)
    if count == 0:
        return np.zeros(shape, numbers.dtype)
    if first + sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) >= len(numbers):
        raise ValueError("it reaches beyond its storage")
    room.take(count * numbers.itemsize)
    steps = [numbers.itemsize * step for step in strides]
    view = np.lib.stride_tricks.as_strided(numbers[first:], shape, steps, writeable=False)
    return view.astype(numbers.dtype.newbyteorder("="))
