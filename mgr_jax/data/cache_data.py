"""The data of a cache: mapped into memory, and believed block by block.

A cache of 90 GB cannot be read whole each time that it is opened. Every mebibyte has a sum of its
own, and is checked when a process reads from it for the first time.
"""

import functools
import os
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mgr_jax.array_files import read_arrays, write_arrays
from mgr_jax.errors import UserError
from mgr_jax.integrity import distrust

DATA = "data.bin"
_SUMS = "blocks.npz"  # beside it; caches of version 0.1.0 have none
_BLOCK = 1 << 20
_PATIENCE = 2  # s until a bar shows that all are being read


class CacheData:
    """The bytes of a cache, each block of which is checked once per process."""

    def __init__(self, file: Path) -> None:
        """Opens the file.

        Raises:
          OSError: it cannot be read.
          ValueError: it is empty, or its sums are not its own.
        """
        self._file = file
        self._bytes = np.asarray(np.memmap(file, np.uint8, mode="r"))
        state = file.stat()
        self._sums, self._unread = _load_sums(file, state.st_size, state.st_mtime_ns, state.st_ino)

    def check(self, *, progress: bool = False) -> None:
        """Reads all that was not read before, with all cores; `progress` shows a bar if it is long.

        Raises:
          ValueError: something else was written.
        """
        unread = np.flatnonzero(self._unread)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            sums = tqdm(
                pool.map(self._sum, unread),
                f"check {self._file.parent.name}",
                len(unread),
                leave=False,
                delay=_PATIENCE,
                unit="MiB",
                disable=None if progress else True,
            )
            damaged = self._find_damage(unread, sums)
        if damaged:
            raise ValueError(damaged)

    def read(self, first: int, last: int, track: str) -> np.ndarray:
        """The bytes from `first` to `last`, which are of a track: [last - first] uint8.

        Raises:
          UserError: they are damaged. The cache is built anew when it is opened next.
        """
        blocks = slice(first // _BLOCK, -(-last // _BLOCK))
        if self._unread[blocks].any():
            unread = blocks.start + np.flatnonzero(self._unread[blocks])
            if damaged := self._find_damage(unread, map(self._sum, unread)):
                raise self._refusal(damaged, track)
        return self._bytes[first:last]

    def _sum(self, block: np.integer) -> int:
        return zlib.crc32(self._bytes[int(block) * _BLOCK : (int(block) + 1) * _BLOCK].data)

    def _find_damage(self, blocks: np.ndarray, found: Iterable[int]) -> str:
        """Notes that blocks were read; tells of the first that has another sum, if one has."""
        for block, total in zip(blocks, found, strict=True):
            if total != self._sums[block]:
                first = int(block) * _BLOCK
                last = min(first + _BLOCK, len(self._bytes))
                return (
                    f"{self._file.name} holds something else than was written, in its bytes "
                    f"{first:,} to {last:,}"
                )
            self._unread[block] = False
        return ""

    def _refusal(self, damaged: str, track: str) -> UserError:
        folder = self._file.parent
        advice = "give the same command again: it builds this cache anew"
        try:
            distrust(folder)
        except OSError:  # a dataset that others keep
            advice = "have this folder removed: then it is built anew"
        return UserError(
            f"the cache {folder} is damaged where it holds {track} ({damaged}); {advice}",
            code="cache.damaged",
        )


class BlockSums:
    """The sums of a cache's blocks, made while its data are written."""

    def __init__(self) -> None:
        """Starts with no data."""
        self._sums: list[int] = []
        self._size = 0

    def add(self, data: bytes | memoryview) -> None:
        """Takes the next bytes into account."""
        rest = memoryview(data)
        while rest:
            within = self._size % _BLOCK
            part = rest[: _BLOCK - within]
            if within:
                self._sums[-1] = zlib.crc32(part, self._sums[-1])
            else:
                self._sums.append(zlib.crc32(part))
            self._size += len(part)
            rest = rest[len(part) :]

    def write(self, folder: Path) -> None:
        """Keeps the size of the data, and the CRC-32 of each block, beside them."""
        sums = np.array(self._sums, np.uint32)
        write_arrays(folder / _SUMS, {"bytes": np.array(self._size), "crc32": sums})


def has_block_sums(folder: Path) -> bool:
    """Whether a cache has them."""
    return (folder / _SUMS).exists()


@functools.lru_cache(maxsize=256)
def _load_sums(file: Path, size: int, *state: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each block the sum, and whether it is still to be compared: [blocks] each."""
    del state  # another file under the same name is read anew
    blocks = -(-size // _BLOCK)
    try:
        stored = read_arrays(file.with_name(_SUMS))
    except FileNotFoundError:
        return np.zeros(blocks, np.uint32), np.zeros(blocks, bool)
    if stored.keys() != {"bytes", "crc32"} or stored["crc32"].shape != (blocks,):
        raise ValueError(f"{_SUMS} is of other data")
    if stored["bytes"] != size:
        raise ValueError(f"{file.name} has {size} bytes, not {stored['bytes']}")
    return stored["crc32"], np.ones(blocks, bool)
