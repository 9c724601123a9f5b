"""Examples as TFDS stores them, the bytes of a `tf.train.Example`, without a copy of the data.

The format is that of protocol buffers (https://protobuf.dev/programming-guides/encoding), of the
messages in https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example. TFDS makes
five copies of what it serialises: 0.7 ms for a clip of 30 s (docs/performance.md).
"""

from collections.abc import Iterable, Mapping
from typing import Any

# Field numbers. `Example.features`, `Features.feature`, its key, the first value of a list and
# the list of bytes all have number 1.
_FIRST, _VALUE_OF_KEY, _INTEGERS = 1, 2, 3


def example_head(columns: Mapping[str, Any], name: str, size: int) -> bytes:
    """The bytes of an example before its data, which are its last column.

    Args:
      columns: the other columns by name: a text, an integer or several integers each.
      name: name of the column with the data.
      size: size of the data in bytes.
    """
    head = b""
    for number in (_FIRST, _FIRST, _VALUE_OF_KEY):  # the value, its list, the feature
        head = _begin(number, len(head) + size) + head
    head = _field(_FIRST, name.encode()) + head
    head = _begin(_FIRST, len(head) + size) + head
    head = b"".join(_column(*column) for column in columns.items()) + head
    return _begin(_FIRST, len(head) + size) + head


def _column(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        feature = _field(_FIRST, _field(_FIRST, value.encode()))
    else:
        numbers = _integers(value if isinstance(value, Iterable) else [value])
        feature = _field(_INTEGERS, _field(_FIRST, numbers) if numbers else b"")
    return _field(_FIRST, _field(_FIRST, name.encode()) + _field(_VALUE_OF_KEY, feature))


def _field(number: int, content: bytes) -> bytes:
    return _begin(number, len(content)) + content


def _begin(number: int, size: int) -> bytes:
    """The bytes before the content of a field: its number, type and length."""
    return bytes([number << 3 | 2]) + _integers([size])


def _integers(values: Iterable[Any]) -> bytes:
    """Integers of 64 bits, seven bits per byte, the lowest first."""
    found = bytearray()
    for value in values:
        rest = int(value) % (1 << 64)
        while rest > 127:
            found.append(rest & 127 | 128)
            rest >>= 7
        found.append(rest)
    return bytes(found)
