"""The file of events that TensorBoard reads."""

import socket
import struct
import time
from pathlib import Path

import numpy as np
from tensorboardX import summary
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import masked_crc32c

from mgr_jax.files import append


class EventFile:
    """Appends events, each completely or not at all, and raises if the disk refuses one.

    The writer of tensorboardX works in its own thread, which ends silently when the disk is full;
    training would then wait forever to pass it the next event.
    """

    def __init__(self, folder: Path, *, step: int) -> None:
        """Begins a file; TensorBoard hides what earlier files hold from `step` on.

        Args:
          folder: the folder of the events.
          step: first step of this file.
        """
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
        self._path = folder / name
        self._add(Event(file_version="brain.Event:2"))
        self._add(Event(step=step, session_log=SessionLog(status=SessionLog.START)))

    def scalar(self, name: str, value: float, step: int) -> None:
        """Adds a number.

        Args:
          name: its name, such as "train/loss".
          value: the number.
          step: its step.
        """
        self._add(Event(summary=summary.scalar(name, value), step=step))

    def text(self, name: str, text: str, step: int) -> None:
        """Adds a text.

        Args:
          name: its name.
          text: the text, as Markdown.
          step: its step.
        """
        self._add(Event(summary=summary.text(name, text), step=step))

    def image(self, name: str, image: np.ndarray, step: int) -> None:
        """Adds a picture.

        Args:
          name: its name.
          image: [height, width, 3].
          step: its step.
        """
        shown: Summary = summary.image(name, image, dataformats="HWC")
        self._add(Event(summary=shown, step=step))

    def _add(self, event: Event) -> None:
        event.wall_time = time.time()
        data = event.SerializeToString()
        size = struct.pack("<Q", len(data))
        sums = [struct.pack("<I", masked_crc32c(part)) for part in (size, data)]
        append(self._path, size + sums[0] + data + sums[1])
