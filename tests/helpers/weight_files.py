"""Small files of weights in every form that is read, all of the same arrays."""

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
from torch_files import write_state_dict

ARRAYS = {
    "conv.weight": np.linspace(-1, 1, 2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4),
    "conv.bias": np.float32([0.5, -0.25]),
    "steps": np.int64(7).reshape(()),
}
_TF_TYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "float16": 19}


def crc32c(data: bytes) -> int:
    """Bit by bit, as RFC 3720 has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def varint(number: int) -> bytes:
    data = b""
    while number > 127:
        data += bytes([number & 127 | 128])
        number >>= 7
    return data + bytes([number])


def _number(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number) if number else b""


def _text(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def _block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Keys share what they can with the one before."""
    block, last = b"", b""
    for key, value in entries:
        shared = 0
        while shared < min(len(key), len(last)) and key[shared] == last[shared]:
            shared += 1
        block += varint(shared) + varint(len(key) - shared) + varint(len(value))
        block += key[shared:] + value
        last = key
    return block + struct.pack("<II", 0, 1)


def write_checkpoint(prefix: str, arrays: Mapping[str, np.ndarray] = ARRAYS) -> Path:
    """TensorFlow's prefix.index and prefix.data-00000-of-00001."""
    entries, data = [(b"", _number(1, 1))], b""
    for name, array in sorted(arrays.items()):
        raw = np.asarray(array).tobytes()
        shape = b"".join(_text(2, _number(1, size)) for size in np.shape(array))
        entry = _number(1, _TF_TYPES[array.dtype.name]) + _text(2, shape) + _number(4, len(data))
        entry += _number(5, len(raw)) + varint(6 << 3 | 5) + masked(raw)
        entries.append((name.encode(), entry))
        data += raw
    index, handles = b"", []
    half = len(entries) // 2
    for part in (entries[:half], entries[half:]):
        block = _block(part)
        handles.append((part[-1][0], varint(len(index)) + varint(len(block))))
        index += block + b"\0" + masked(block + b"\0")
    footer = b""
    for part in ([], handles):  # what describes the table, which is empty, and the blocks
        block = _block(part)
        footer += varint(len(index)) + varint(len(block))
        index += block + b"\0" + masked(block + b"\0")
    index += footer.ljust(40, b"\0") + (0xDB4775248B80FB57).to_bytes(8, "little")
    Path(f"{prefix}.index").write_bytes(index)
    Path(f"{prefix}.data-00000-of-00001").write_bytes(data)
    return Path(f"{prefix}.index")


def write_safetensors(path: Path, arrays: Mapping[str, np.ndarray] = ARRAYS) -> Path:
    types = {"float32": "F32", "float64": "F64", "int64": "I64"}
    table, data = {"__metadata__": {"format": "pt"}}, b""
    for name, array in arrays.items():
        raw = np.asarray(array).tobytes()
        ends = [len(data), len(data) + len(raw)]
        shape = list(np.shape(array))
        table[name] = {"dtype": types[array.dtype.name], "shape": shape, "data_offsets": ends}
        data += raw
    head = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + data)
    return path


def write_hdf5(path: Path | io.BytesIO, arrays: Mapping[str, np.ndarray] = ARRAYS):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.bytes_(["conv"])
        for name, array in arrays.items():
            file.create_dataset(name.replace(".", "/"), data=array)
    return path


def write_keras(path: Path, arrays: Mapping[str, np.ndarray] = ARRAYS) -> Path:
    content = write_hdf5(io.BytesIO(), arrays)
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("metadata.json", "{}")
        zipped.writestr("config.json", "{}")
        zipped.writestr("model.weights.h5", content.getvalue())
    return path


def write_npz(path: Path, arrays: Mapping[str, np.ndarray] = ARRAYS) -> Path:
    np.savez(path, **arrays)
    return path


def write_all(folder: Path) -> dict[str, Path]:
    """A file of each form by its name."""
    return {
        "zip": write_state_dict(folder / "zip.pt", ARRAYS),
        "legacy": write_state_dict(folder / "legacy.pth", ARRAYS, legacy=True),
        "hdf5": write_hdf5(folder / "weights.h5"),
        "keras": write_keras(folder / "model.keras"),
        "npz": write_npz(folder / "arrays.npz"),
        "safetensors": write_safetensors(folder / "model.safetensors"),
        "tensorflow": write_checkpoint(f"{folder}/model-10"),
    }


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """A file that is cut, or has some of its bytes changed, left out, or twice."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(len(changed) + 1))
        length = int(2 ** rng.uniform(0, 6))
        match rng.integers(7):
            case 0 if at:
                del changed[at:]
            case 1:
                changed[at : at + 1] = rng.bytes(1)
            case 2:
                changed[at : at + length] = rng.bytes(length)
            case 3:
                changed[at : at + length] = bytes([rng.choice([0, 255, 127, 128])]) * length
            case 4:
                del changed[at : at + length]
            case 5:
                changed[at:at] = changed[at : at + length]
            case 6:
                changed[at : at + 4] = struct.pack("<I", int(rng.integers(2**32)))
    return bytes(changed)
