"""Reads thousands of damaged files, each in a worker process: does one crash, hang or fill memory?

  python tests/helpers/fuzz_decoder.py [FILES] [FIRST]

Not one of the tests: it takes minutes. FIRST is the number of the first file, which its damage
follows from; test_encodings.py reads a few of them each time.
"""

import os
import resource
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mgr_jax.audio.io import read_audio
from mgr_jax.benchmark.inputs.encoding_table import ENCODINGS
from mgr_jax.benchmark.inputs.encodings import write
from mgr_jax.errors import UserError
from mgr_jax.workers import Failure, map_in_processes

MEMORY = 4 << 30  # of addresses, in bytes; the libraries alone take one
TIME_LIMIT = 30.0
RATE = 22_050
BAD = ("FAILED", "LOST")
_ALWAYS = [encoding for encoding in ENCODINGS if not encoding.command]


def flip_bits(data: bytearray, rng: np.random.Generator) -> bytes:
    """Turns over one bit, or up to one in a thousand."""
    for at in rng.integers(len(data), size=rng.integers(1, 2 + len(data) // 1_000)):
        data[at] ^= 1 << rng.integers(8)
    return data


def change_head(data: bytearray, rng: np.random.Generator) -> bytes:
    """Writes other bytes into the header, where the lengths, rates and counts are."""
    for at in rng.integers(min(len(data), 200), size=rng.integers(1, 8)):
        data[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)])
    return data


def cut(data: bytearray, rng: np.random.Generator) -> bytes:
    """Keeps the beginning."""
    return data[: rng.integers(len(data))]


def behead(data: bytearray, rng: np.random.Generator) -> bytes:
    """Keeps the end."""
    return data[rng.integers(len(data)) :]


def insert(data: bytearray, rng: np.random.Generator) -> bytes:
    """Puts random bytes in between."""
    at = rng.integers(len(data))
    return data[:at] + rng.bytes(rng.integers(1, 5_000)) + data[at:]


def remove(data: bytearray, rng: np.random.Generator) -> bytes:
    """Takes a stretch out."""
    first, last = sorted(rng.integers(len(data), size=2))
    return data[:first] + data[last:]


def swap(data: bytearray, rng: np.random.Generator) -> bytes:
    """Exchanges blocks, as a disk that is repaired does."""
    size = int(rng.choice([64, 512, 4_096]))
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    first, second = rng.integers(len(blocks), size=2)
    blocks[first], blocks[second] = blocks[second], blocks[first]
    return b"".join(blocks)


def repeat(data: bytearray, rng: np.random.Generator) -> bytes:
    """Has the file stand there again, or a part of it."""
    return data + data[rng.integers(len(data)) :]


def blank(data: bytearray, rng: np.random.Generator) -> bytes:
    """Fills a stretch with zeros, as a download of several parts does."""
    first, last = sorted(rng.integers(len(data), size=2))
    data[first:last] = bytes(last - first)
    return data


DAMAGES = (flip_bits, change_head, cut, behead, insert, remove, swap, repeat, blank)


def damage(number: int, folder: Path) -> Path:
    """Makes a damaged file: the encodings come in turn, the damages by chance, by its number."""
    encoding = _ALWAYS[number % len(_ALWAYS)]
    rng = np.random.default_rng(number)
    kind = DAMAGES[rng.integers(len(DAMAGES))]
    path = folder / f"{number}-{kind.__name__}.{encoding.suffix}"
    write(encoding, path, 0.7)
    path.write_bytes(kind(bytearray(path.read_bytes()), rng))
    return path


def read(path: str) -> str:
    """What became of a file: whole, said with a code, used with a warning, or what it must not."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            sound = read_audio(path, RATE)
        except UserError as error:
            if error.code.startswith("disk."):
                return f"FAILED: {error}"  # a damaged file is no damaged disk
            return f"said: {error.code}"
        except Exception as error:
            return f"FAILED: {type(error).__name__}: {error}"
    if not (np.isfinite(sound).all() and sound.dtype == np.float32 and sound.ndim == 1):
        return "FAILED: no waveform"
    return "used, with a warning" if caught else "read whole"


def outcomes(numbers: range, folder: Path, workers: int) -> Iterator[tuple[str, str]]:
    """The files of some numbers by name, and what became of each."""
    paths = (str(damage(number, folder)) for number in numbers)
    for path, result in map_in_processes(read, paths, workers=workers, time_limit=TIME_LIMIT):
        lost = isinstance(result, Failure)
        yield os.path.basename(path), f"LOST: {result.reason}" if lost else result
        os.unlink(path)


def main(files: int = 1_000, first: int = 0) -> int:
    """Reads so many files, prints what became of them, and returns how many it must not."""
    counts: Counter[str] = Counter()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        numbers = range(first, first + files)
        for name, outcome in outcomes(numbers, Path(folder), os.cpu_count() or 1):
            if outcome.startswith(BAD):
                bad += 1
                print(f"{name}: {outcome}", flush=True)
            else:
                counts[outcome] += 1
    for outcome, count in counts.most_common():
        print(f"{count:6} {outcome}")
    print(f"{bad:6} crashed, given up or otherwise failed")
    return bad


if __name__ == "__main__":
    sys.exit(1 if main(*map(int, sys.argv[1:])) else 0)
