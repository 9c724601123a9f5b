"""Stands for `read_audio` in workers, which load neither jax nor a test for it."""

import os
import signal
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mgr_jax.audio.io import AudioError, read_audio

RATE = 12_000


def full_disk() -> BinaryIO:
    """A file that takes nothing."""
    return Path("/dev/full").open("r+b")


def read(path, *, spool, **_):
    """Does what the name of a file says."""
    kind = Path(path).stem.rstrip("0123456789")
    if kind == "slow":
        time.sleep(1.5)
    if kind in ("killed", "full"):
        with spool() as file:
            file.write(b"a part of it")
            file.flush()
            if kind == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
    if kind == "full":
        return read_audio(path, RATE, dtype=np.int16, spool=full_disk)
    if kind == "long":
        return read_audio(path, RATE, dtype=np.int16, spool=spool)
    return np.full(RATE, 7, np.int16)


def read_odd(name, sample_rate, *, allow_truncated, limits, dtype, spool):
    """Fails as the name of a file says; of others, as many samples as their rate is."""
    if "bad" in name:
        raise AudioError(f"{name} cannot be decoded", code="audio.damaged")
    if "crash" in name:
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # not the test runner's faulthandler
        os.kill(os.getpid(), signal.SIGSEGV)
    if "large" in name:
        os.kill(os.getpid(), signal.SIGKILL)  # what the kernel does where memory runs out
    if "endless" in name:
        time.sleep(600)
    return np.full(sample_rate, len(name), dtype)
