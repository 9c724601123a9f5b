"""Waveforms that grow block by block: short ones in memory, long ones in files.

A file is mapped into memory, so the system can drop the parts that are not in use. However long
sounds are, and however many are waiting, they do not fill the memory.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

LONG = 1 << 24  # bytes; what is longer goes into a file: 11 minutes at 12 kHz as int16

# Opens a file of its own to be written and read.
Spool = Callable[[], BinaryIO]


class SpoolError(Exception):
    """A long waveform cannot be stored in a file. The message says why."""


class GrowingWaveform:
    """A waveform that grows in place."""

    def __init__(self, dtype: type, spool: Spool | None = None) -> None:
        """Starts empty, in memory.

        Args:
          dtype: of the samples.
          spool: where the samples go once there are more than `LONG` bytes; None: they stay.
        """
        self._samples: np.ndarray = np.empty(0, dtype)
        self._length = 0
        self._spool, self._file = spool, contextlib.ExitStack()
        self._written: BinaryIO | None = None

    def __enter__(self) -> "GrowingWaveform":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # a full disk is reported by what failed first
            self._file.close()

    def append(self, samples: np.ndarray) -> None:
        """Appends samples.

        Args:
          samples: [samples].

        Raises:
          SpoolError: they must go to a file, and it cannot be written.
        """
        samples = np.ascontiguousarray(samples, self._samples.dtype)
        end = self._length + len(samples)
        if self._spool and end * samples.itemsize > LONG:
            with _told():
                if not self._written:
                    self._written = self._file.enter_context(self._spool())
                    self._written.write(self._samples[: self._length].data)
                    self._samples = np.empty(0, samples.dtype)
                self._written.write(samples.data)
        else:
            if end > len(self._samples):
                short = min(2 * end, LONG // samples.itemsize)  # of which few copies are made
                self._samples.resize(max(end + end // 8, short), refcheck=False)
            self._samples[self._length : end] = samples
        self._length = end

    def take(self) -> np.ndarray:
        """The whole waveform, which can be taken once: an array, or an np.memmap of the file.

        Raises:
          SpoolError: the file cannot be written.
        """
        if self._written:
            with _told():
                self._written.flush()
                return np.memmap(self._written, self._samples.dtype, "r")
        self._samples.resize(self._length, refcheck=False)
        return self._samples


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SpoolError(error.strerror or str(error)) from error


def spool_folder() -> Path:
    """The folder for large temporary files.

    It is $TMPDIR, or else /var/tmp, because /tmp may be in memory.
    """
    try:
        chosen = Path(tempfile.gettempdir())
    except FileNotFoundError:  # nothing can be written anywhere
        chosen = Path("/tmp")
    is_chosen = any(os.environ.get(name) == str(chosen) for name in ("TMPDIR", "TEMP", "TMP"))
    large = Path("/var/tmp")
    return chosen if is_chosen or not os.access(large, os.W_OK) else large


def without_a_name() -> BinaryIO:
    """A `Spool` for this process. The file disappears with the process, however it ends."""
    return tempfile.TemporaryFile(dir=spool_folder())


@dataclass(frozen=True)
class Spooled:
    """A waveform in a file, on its way from one process to another.

    Attributes:
      path: of the file.
      dtype: of the samples.
    """

    path: Path
    dtype: str

    def take(self) -> np.ndarray:
        """Maps the file into memory, once. The name is removed at once, the file with the array."""
        waveform = np.memmap(self.path, self.dtype, "r")
        self.path.unlink()
        return waveform


def read_into(
    folder: str, read: Callable[..., np.ndarray], item: tuple[int, str]
) -> np.ndarray | Spooled:
    """Reads a file in a worker process.

    Args:
      folder: for long waveforms.
      read: `audio.io.read_audio` with all its arguments except the path and the `spool`.
      item: the number of the file, which becomes the name of its waveform, and its path.

    Returns:
      The waveform, or the file that holds it.
    """
    number, path = item
    place = Path(folder, str(number))

    def spool() -> Any:
        return place.open("w+b")

    try:
        waveform = read(path, spool=spool)
    except BaseException:
        with contextlib.suppress(OSError):
            place.unlink()
        raise
    if isinstance(waveform, np.memmap):
        return Spooled(place, waveform.dtype.str)
    return waveform
