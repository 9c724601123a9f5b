"""Writes PyTorch's files without PyTorch, and pickles that it never would."""

import math
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
KINDS = {
    "float64": "DoubleStorage", "float32": "FloatStorage", "float16": "HalfStorage",
    "int64": "LongStorage", "int32": "IntStorage", "int16": "ShortStorage",
    "int8": "CharStorage", "uint8": "ByteStorage", "bool": "BoolStorage",
    "complex64": "ComplexFloatStorage", "complex128": "ComplexDoubleStorage",
}  # fmt: skip


class Steps(bytes):
    """Steps of a pickle that leave one value."""


def steps(value: Any) -> Steps:
    """Those that make a value, in protocol 2."""
    match value:
        case Steps():
            return value
        case None:
            return Steps(b"N")
        case bool():
            return Steps(b"\x88" if value else b"\x89")
        case int():
            if -(2**31) <= value < 2**31:
                return Steps(b"J" + struct.pack("<i", value))
            data = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
            return Steps(b"\x8a" + bytes([len(data)]) + data)
        case float():
            return Steps(b"G" + struct.pack(">d", value))
        case str():
            data = value.encode()
            return Steps(b"X" + struct.pack("<I", len(data)) + data)
        case tuple():
            return Steps(b"(" + b"".join(map(steps, value)) + b"t")
        case list():
            return Steps(b"](" + b"".join(map(steps, value)) + b"e")
        case Mapping():
            items = (part for pair in value.items() for part in pair)
            return Steps(b"}(" + b"".join(map(steps, items)) + b"u")
    raise TypeError(value)


def named(module: str, name: str) -> Steps:
    return Steps(f"c{module}\n{name}\n".encode())


def call(module: str, name: str, *arguments: Any) -> Steps:
    return Steps(named(module, name) + steps(arguments) + b"R")


def pickled(value: Any) -> bytes:
    return b"\x80\x02" + steps(value) + b"."


def storage(key: str, kind: str, size: int, *view: Any, module: str = "torch") -> Steps:
    """One kept in the file; the older form tells its `view` of another one too, or None."""
    return Steps(steps(("storage", named(module, kind), key, "cpu", size, *view)) + b"Q")


def tensor(kept: Steps, shape: tuple, strides: tuple | None = None, first: int = 0) -> Steps:
    """A view of a storage; contiguous unless strides are given."""
    if strides is None:
        strides = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    hooks = call("collections", "OrderedDict")
    return call("torch._utils", "_rebuild_tensor_v2", kept, first, shape, strides, False, hooks)


def state_dict(
    arrays: Mapping[str, np.ndarray], legacy: bool = False
) -> tuple[dict[str, Steps], dict[str, np.ndarray]]:
    """The tensors of arrays by name, and what their storages hold."""
    tree, stored = {}, {}
    for number, (name, array) in enumerate(arrays.items()):
        array = np.asarray(array)
        view = (None,) if legacy else ()
        kept = storage(str(number), KINDS[array.dtype.name], array.size, *view)
        tree[name] = tensor(kept, array.shape)
        stored[str(number)] = np.ascontiguousarray(array)
    return tree, stored


def write_zip(
    path: Path,
    tree: Any,
    stored: Mapping[str, Any],
    order: str | None = "little",
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """As PyTorch from 1.6 on."""
    with zipfile.ZipFile(path, "w", compression) as zipped:
        zipped.writestr(
            "archive/data.pkl",
            tree if isinstance(tree, bytes) and not isinstance(tree, Steps) else pickled(tree),
        )
        if order is not None:
            zipped.writestr("archive/byteorder", order)
        for key, data in stored.items():
            zipped.writestr(f"archive/data/{key}", bytes(data))
        zipped.writestr("archive/version", "3\n")
    return path


def write_legacy(path: Path, tree: Any, stored: Mapping[str, np.ndarray]) -> Path:
    """As PyTorch before 1.6."""
    machine = {"protocol_version": 1001, "little_endian": True}
    parts = [pickled(MAGIC), pickled(1001), pickled(machine)]
    parts += [
        tree if isinstance(tree, bytes) and not isinstance(tree, Steps) else pickled(tree),
        pickled(list(stored)),
    ]
    for array in stored.values():
        parts += [struct.pack("<q", array.size), array.tobytes()]
    path.write_bytes(b"".join(parts))
    return path


def write_state_dict(path: Path, arrays: Mapping[str, np.ndarray], legacy: bool = False) -> Path:
    """A state dict of arrays."""
    return (write_legacy if legacy else write_zip)(path, *state_dict(arrays, legacy))
