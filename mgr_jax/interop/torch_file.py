"""PyTorch's state dicts without PyTorch: tensors by name, and nothing else.

A pickle can ask for any function of any module. Here it gets what rebuilds tensors, and whatever
else it asks for is refused.
"""

import io
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mgr_jax.errors import UserError

# By the class of a storage; bfloat16 has no type in NumPy, and is widened when it is read.
_DTYPES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "<u2",
    "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1",
    "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip
_MAGIC = 0x1950A86A20F9469CFC6C


class _Storage(NamedTuple):
    key: str
    kind: str


class _Tensor(NamedTuple):
    storage: _Storage
    first: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _StateDict(dict):
    """A dict that takes attributes, as PyTorch gives its own."""


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, path: Path) -> None:
        super().__init__(file)
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        allowed: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): _StateDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
        }
        if (module, name) in allowed:
            return allowed[module, name]
        if module in ("torch", "torch.storage") and name in _DTYPES:
            return name
        raise UserError(
            f"{self._path} asks for {module}.{name}, which is no part of a tensor, and was not "
            "run; give a file that holds the state dict alone, as torch.save(model.state_dict(), "
            "…) writes it",
            code="weights.not_tensors",
        )

    def persistent_load(self, key: Any) -> _Storage:
        _, kind, name, *_ = key
        return _Storage(str(name), str(kind))


def _rebuild(storage: _Storage, first: int, shape: tuple, strides: tuple, *_: Any) -> _Tensor:
    return _Tensor(storage, first, tuple(shape), tuple(strides))


def read_zip(path: Path) -> dict[str, np.ndarray]:
    """Reads a file that PyTorch 1.6 or later wrote; see `read_legacy`."""
    with zipfile.ZipFile(path) as zipped:
        (pickled,) = (name for name in zipped.namelist() if name.endswith("/data.pkl"))
        folder = pickled.removesuffix("data.pkl")
        tree = _Unpickler(io.BytesIO(zipped.read(pickled)), path).load()
        return _arrays(tree, lambda storage: zipped.read(f"{folder}data/{storage.key}"))


def read_legacy(path: Path) -> dict[str, np.ndarray]:
    """Reads a file that PyTorch before 1.6 wrote.

    Raises:
      UserError: it asks for more than tensors, or is damaged.
    """
    with path.open("rb") as file:
        magic = _Unpickler(file, path).load()
        if magic != _MAGIC:
            raise UserError(
                f"{path} is a pickle, but none of PyTorch; give a state dict",
                code="weights.unknown_form",
            )
        for _ in range(2):  # version, machine
            _Unpickler(file, path).load()
        tree = _Unpickler(file, path).load()
        kinds = {t.storage.key: t.storage.kind for t in _tensors(tree).values()}
        stored = {}
        for key in _Unpickler(file, path).load():
            count = int.from_bytes(file.read(8), "little")
            stored[str(key)] = file.read(count * np.dtype(_DTYPES[kinds[str(key)]]).itemsize)
    return _arrays(tree, lambda storage: stored[storage.key])


def _tensors(tree: Mapping[str, Any], prefix: str = "") -> dict[str, _Tensor]:
    """Those of nested dicts, by names with dots between."""
    found = {}
    for name, value in tree.items():
        if isinstance(value, _Tensor):
            found[f"{prefix}{name}"] = value
        elif isinstance(value, Mapping):
            found |= _tensors(value, f"{prefix}{name}.")
    return found


def _arrays(tree: Mapping[str, Any], read: Callable[[_Storage], bytes]) -> dict[str, np.ndarray]:
    arrays = {}
    for name, (storage, first, shape, strides) in _tensors(tree).items():
        values = np.frombuffer(read(storage), _DTYPES[storage.kind])
        if storage.kind == "BFloat16Storage":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        steps = [values.itemsize * stride for stride in strides]
        arrays[name] = np.lib.stride_tricks.as_strided(values[first:], shape, steps).copy()
    return arrays
