"""Reads archives of plain arrays: NumPy's .npz, without pickles, and .safetensors."""

import io
import json
import math
import zipfile
from pathlib import Path

import numpy as np

from mgr_jax.errors import UserError, some_names
from mgr_jax.interop.limits import Room, damaged
from mgr_jax.interop.state_dict import unwrap

_KINDS = "fiubc"
_OUTPUT = ":0"  # suffix of TensorFlow's variables, which is not in its checkpoints
_SAFE = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
    "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "BF16": "<u2",
}  # fmt: skip

Found = tuple[dict[str, np.ndarray], list[str]]


def read_npz(path: Path, zipped: zipfile.ZipFile) -> Found:
    """Reads NumPy's archive of arrays.

    Args:
      path: path of the file.
      zipped: the archive.

    Returns:
      Arrays by name, and notes on them.

    Raises:
      UserError: it holds a pickle, or is damaged.
    """
    room, arrays, left = Room(path), {}, []
    for member in zipped.namelist():
        name = member.removesuffix(".npy")
        stream = io.BytesIO(room.read(zipped, member))
        header = np.lib.format.read_array_header_1_0
        if np.lib.format.read_magic(stream) != (1, 0):
            header = np.lib.format.read_array_header_2_0
        shape, fortran, dtype = header(stream)
        if dtype.hasobject:
            raise UserError(
                f"{path} holds a pickle in {name}, not an array of numbers, and was not read; "
                "give a file with arrays of numbers only",
                code="weights.not_tensors",
            )
        if dtype.kind not in _KINDS:
            left.append(name)
            continue
        data = stream.read()
        if min(shape, default=1) < 0 or len(data) != math.prod(shape) * dtype.itemsize:
            raise damaged(path, f"{name} has not the numbers that its shape tells")
        array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
        arrays[name] = array.astype(dtype.newbyteorder("="))
    notes = [f"Left out, as not arrays of numbers: {some_names(left, 12)}."] if left else []
    if arrays and all(name.endswith(_OUTPUT) for name in arrays):
        arrays = {name.removesuffix(_OUTPUT): array for name, array in arrays.items()}
        notes.append(f"The ending {_OUTPUT} of all names was left out.")
    return arrays, notes


def read_safetensors(path: Path) -> Found:
    """Reads a .safetensors file: eight bytes, a JSON table, the arrays.

    Args:
      path: path of the file.

    Returns:
      See `read_npz`.

    Raises:
      UserError: it is damaged.
    """
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    table = json.loads(data[8:start].decode())
    table.pop("__metadata__", None)
    room, arrays = Room(path), {}
    for name, row in table.items():
        first, last = row["data_offsets"]
        part = data[start + first : start + last]
        if row["dtype"] not in _SAFE:
            raise damaged(path, f"{name} is of the unknown type {row['dtype']}")
        if first < 0 or last < first or len(part) != last - first:
            raise damaged(path, f"{name} is not whole")
        room.take(2 * len(part))
        array = np.frombuffer(part, _SAFE[row["dtype"]])
        if row["dtype"] == "BF16":
            array = (array.astype(np.uint32) << 16).view(np.float32)
        arrays[name] = array.reshape(row["shape"]).astype(array.dtype.newbyteorder("="))
    return unwrap(arrays, path, np.ndarray)
