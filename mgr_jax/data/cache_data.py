"""The data of a cache: memory-mapped, and checked block by block.

A cache of 90 GB cannot be read completely each time it is opened. Every mebibyte has its own
checksum, which is checked when a process first reads from the block.
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
_SUMS = "blocks.npz"  # beside the data; caches of version 0.1.0 have none
_BLOCK = 1 << 20
_PATIENCE = 2  # seconds until a bar is shown


class CacheData:
    """The bytes of a cache; each block is checked once per process."""

    def __init__(self, file: Path) -> None:
        """Opens the file.

        Args:
          file: path of the data.

        Raises:
          OSError: it cannot be read.
          ValueError: it is empty, or the checksums belong to other data.
        """
        self._file = file
        self._bytes = np.asarray(np.memmap(file, np.uint8, mode="r"))
        state = file.stat()
        self._sums, self._unread = _load_sums(file, state.st_size, state.st_mtime_ns, state.st_ino)

    def check(self, *, progress: bool = False) -> None:
        """Reads all blocks that were not read before, on all cores.

        Args:
          progress: show a bar if it takes long.

        Raises:
          ValueError: a block differs from what was written.
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
        """The bytes from `first` to `last`, [last - first] uint8.

        Args:
          first: first byte.
          last: the byte after the last one.
          track: name of the track, for messages.

        Raises:
          UserError: they are damaged. The cache is rebuilt when it is opened next.
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
        """Marks blocks as read; describes the first whose checksum differs, if any."""
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
        except OSError:  # a dataset of another user
            advice = "have this folder removed: then it is built anew"
        return UserError(
            f"the cache {folder} is damaged where it holds {track} ({damaged}); {advice}",
            code="cache.damaged",
        )


class BlockSums:
    """The checksums of a cache's blocks, computed while its data are written."""

    def __init__(self) -> None:
        """Starts with no data."""
        self._sums: list[int] = []
        self._size = 0

    def add(self, data: bytes | memoryview) -> None:
        """Adds the next bytes."""
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
        """Writes the size of the data, and the CRC-32 of each block, beside them."""
        sums = np.array(self._sums, np.uint32)
        write_arrays(folder / _SUMS, {"bytes": np.array(self._size), "crc32": sums})


def has_block_sums(folder: Path) -> bool:
    """Whether a cache has checksums of blocks."""
    return (folder / _SUMS).exists()


@functools.lru_cache(maxsize=256)
def _load_sums(file: Path, size: int, *state: int) -> tuple[np.ndarray, np.ndarray]:
    """For each block its checksum, and whether it must still be checked: [blocks] each."""
    del state  # another file of the same name is read again
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
