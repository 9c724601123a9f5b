"""The checksum of TensorFlow's files: CRC-32C (Castagnoli), masked."""

import numpy as np

_POLYNOMIAL = np.uint32(0x82F63B78)


def _make_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ _POLYNOMIAL, table >> 1)
    return table


_TABLE = _make_table()


def crc32c(data: bytes) -> int:
    """CRC-32C of bytes.

    The sum without inversions is linear, and zeros in front do not change it. So the sums of rows
    of equal length are computed in parallel, and joined: the sum of rows A and B is that of A,
    continued over as many zeros as B has bytes, plus that of B.
    """
    if len(data) < 4:
        padded, inverted = np.frombuffer(data, np.uint8), np.uint32(0xFFFFFFFF)
        return int(_sum(padded[None], np.array([inverted]))[0]) ^ 0xFFFFFFFF
    row = 1 << (len(data).bit_length() + 1) // 2  # about as many bytes per row as there are rows
    padded = np.zeros(-(-len(data) // row) * row, np.uint8)
    padded[-len(data) :] = np.frombuffer(data, np.uint8)
    first = len(padded) - len(data)
    padded[first : first + 4] ^= 0xFF  # inverts the sum's first value
    sums = _sum(padded.reshape(-1, row), np.zeros(len(padded) // row, np.uint32))
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    carried = _sum(np.zeros((32, row), np.uint8), bits).tolist() if len(sums) > 1 else []
    total = 0
    for own in sums.tolist():
        for bit, value in enumerate(carried):
            if total >> bit & 1:
                own ^= value
        total = own
    return total ^ 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """The sum as TensorFlow and LevelDB store it: rotated, plus a constant."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _sum(rows: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Continues the sum of each row [rows, bytes] over its bytes."""
    for column in rows.T:
        sums = _TABLE[(sums ^ column) & 0xFF] ^ (sums >> 8)
    return sums
