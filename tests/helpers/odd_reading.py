"""Stands for `read_audio` in workers, which load neither jax nor a test for it."""

import os
import signal
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mgr_jax.audio.io import read_audio

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
