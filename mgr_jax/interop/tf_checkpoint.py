"""Reads TensorFlow's checkpoints (version 2) without TensorFlow: NAME.index and NAME.data-….

The index is a table of LevelDB: blocks of sorted keys, each without the part it shares with the key
before, and a checksum after each block. Its values are messages of protocol buffers
(tensorflow/core/protobuf/tensor_bundle.proto) with the place of each array in a data file.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from mgr_jax.errors import some_names
from mgr_jax.interop.crc32c import masked_crc32c
from mgr_jax.interop.limits import Room, damaged

_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_FOOTER = 48
_LONGEST_KEY = 1000
# tensorflow/core/framework/types.proto; 14 is bfloat16, which is widened.
_DTYPES = {
    1: "f4", 2: "f8", 3: "i4", 4: "u1", 5: "i2", 6: "i1", 8: "c8", 9: "i8", 10: "?", 14: "u2",
    17: "u2", 18: "c16", 19: "f2", 22: "u4", 23: "u8",
}  # fmt: skip
_BFLOAT16 = 14

# A protocol buffer's message: all values of each field, in order.
Message = dict[int, list[int | bytes]]
Found = tuple[dict[str, np.ndarray], list[str]]


def read_checkpoint(index: bytes, read_shard: Callable[[str], bytes], room: Room) -> Found:
    """Reads all arrays of a checkpoint.

    Args:
      index: content of NAME.index.
      read_shard: function that reads NAME + its argument, such as ".data-00000-of-00001".
      room: limit of memory for the arrays.

    Returns:
      Arrays by name, and notes on them.

    Raises:
      UserError: a checksum is wrong, or the checkpoint is damaged in another way.
    """
    path = room.path
    entries = dict(_entries(index, path))
    if b"" not in entries:
        raise damaged(path, "the index has no header")
    header = _message(entries.pop(b""))
    shards = _number(header, 1)
    order: Literal["<", ">"] = ">" if _number(header, 2) else "<"
    data, arrays, left = {}, {}, []
    for key, value in entries.items():
        name, entry = key.decode(), _message(value)
        kind, shard = _number(entry, 1), _number(entry, 3)
        if kind not in _DTYPES:  # text, such as the graph of objects
            left.append(name)
            continue
        if 7 in entry:
            raise damaged(path, f"{name} is stored in parts, which cannot be read")
        if shard not in data:
            data[shard] = read_shard(f".data-{shard:05}-of-{shards:05}")
        first, size = _number(entry, 4), _number(entry, 5)
        part = data[shard][first : first + size]
        dtype = np.dtype(_DTYPES[kind]).newbyteorder(order)
        shape = _shape(entry)
        if len(part) != size or size != math.prod(shape) * dtype.itemsize:
            raise damaged(path, f"{name} is not whole")
        room.take(2 * size)
        if masked_crc32c(part) != int.from_bytes(_bytes(entry, 6), "little"):
            raise damaged(path, f"the checksum of {name} is wrong")
        array = np.frombuffer(part, dtype).astype(dtype.newbyteorder("="))
        if kind == _BFLOAT16:
            array = (array.astype(np.uint32) << 16).view(np.float32)
        arrays[name] = array.reshape(shape)
    told = f"Left out, as not arrays of numbers: {some_names(left, 12)}."
    return arrays, [told] if left else []


def _entries(index: bytes, path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table."""
    if len(index) < _FOOTER or not index.endswith(_MAGIC):
        raise damaged(path, "the index does not end as one does")
    footer = index[-_FOOTER:]
    _, at = _varint(footer, 0)  # the table of tables, which is empty
    _, at = _varint(footer, at)
    left = len(index)
    for _, handle in _block(index, footer[at:], path):
        left -= _varint(handle, _varint(handle, 0)[1])[0]
        if left < 0:
            raise damaged(path, "the index has a block more than once")
        yield from _block(index, handle, path)


def _block(index: bytes, handle: bytes, path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of one block, given by its position and size."""
    first, at = _varint(handle, 0)
    size, _ = _varint(handle, at)
    block, kind, told = (
        index[first : first + size],
        index[first + size : first + size + 1],
        index[first + size + 1 : first + size + 5],
    )
    if len(told) != 4 or masked_crc32c(block + kind) != int.from_bytes(told, "little"):
        raise damaged(path, "the checksum of the index is wrong")
    if kind != b"\0":
        raise damaged(path, "the index is compressed, which TensorFlow does not do")
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or at + own + length > end or shared + own > _LONGEST_KEY:
            raise damaged(path, "the index is not whole")
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + length]
        at += own + length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits per byte, and the position after it."""
    number = 0
    for place in range(10):
        byte = data[at + place]
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    raise ValueError("a number does not end")


def _message(data: bytes) -> Message:
    fields: Message = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        value: int | bytes
        match tag & 7:
            case 0:
                value, at = _varint(data, at)
            case 1 | 5:
                size = 8 if tag & 7 == 1 else 4
                value, at = data[at : at + size], at + size
            case 2:
                size, at = _varint(data, at)
                value, at = data[at : at + size], at + size
            case _:
                raise ValueError("a message of an unknown kind")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _number(message: Message, field: int) -> int:
    """A number; 0 if it is missing, as in protocol buffers."""
    value = message.get(field, [0])[-1]
    if not isinstance(value, int):
        raise ValueError(f"field {field} is no number")
    return value


def _bytes(message: Message, field: int) -> bytes:
    value = message.get(field, [b""])[-1]
    if not isinstance(value, bytes):
        raise ValueError(f"field {field} is no text")
    return value


def _shape(entry: Message) -> tuple[int, ...]:
    sizes = _message(_bytes(entry, 2)).get(2, [])
    return tuple(_number(_message(size), 1) for size in sizes if isinstance(size, bytes))
