"""Stops training on request: all processes stop at one step, with everything saved."""

import signal
import threading
import time
from types import FrameType
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from mgr_jax.signals import STATUS, Ending, give_back, take

# Seconds within which a repeated signal is the same one: `timeout` sends it to the command and to
# the command's group, and a terminal also to wrappers, which pass it on.
_ECHO = 1.0


class StoppedError(Exception):
    """The user asked to stop, and the present work was given up."""


class StopRequest:
    """Turns the first SIGINT or SIGTERM into a request, from `hold` to `release`.

    Before and after, the previous handlers are active: a program is interrupted, and a command ends
    at once. A second Ctrl-C, some time later, also ends it at once; a second SIGTERM does not, as
    SIGKILL is there for that. A request that came too late to stop anything is raised as a signal
    at the end, since a caller may have more to do. Handlers can be set only in the main thread; in
    other threads nothing is ever requested.

    Attributes:
      signal: the signal that asked to stop, agreed on by all processes; None before.
    """

    def __init__(self) -> None:
        """Nothing is requested yet."""
        self.signal: signal.Signals | None = None
        self._number = 0
        self._since = 0.0
        self._old: dict[int, Any] = {}
        self._endings: list[Ending] = []
        self._agreement = _Agreement() if jax.process_count() > 1 else None

    def __enter__(self) -> "StopRequest":
        return self

    def __exit__(self, error: object, *_: object) -> None:
        self.release()
        # One of several processes would leave the others alone; they are finished, too.
        if self._number and not error and not self._agreement:
            signal.raise_signal(self._number)

    def hold(self) -> None:
        """From here on there is something to save: a signal becomes a request."""
        if self._old or threading.current_thread() is not threading.main_thread():
            return
        self._old = {number: take(number, self._handle) for number in STATUS}
        owners = {getattr(handler, "__self__", None) for handler in self._old.values()}
        self._endings = [owner for owner in owners if isinstance(owner, Ending)]
        for ending in self._endings:  # its exception was dropped
            self._number = self._number or ending.number

    def release(self) -> None:
        """Everything is saved: the previous handlers are active again."""
        give_back(self._old)
        self._old = {}

    def asked(self) -> bool:
        """Whether a stop was requested.

        With several processes, all must call this equally often. All get the same answer at the
        same call, the greatest signal number: SIGTERM takes precedence over SIGINT.
        """
        number = self._agreement.greatest(self._number) if self._agreement else self._number
        self.signal = signal.Signals(number) if number else None
        return bool(number)

    def check(self) -> None:
        """Ends the work if a stop was requested; see `asked`.

        Raises:
          StoppedError: a stop was requested.
        """
        if self.asked():
            raise StoppedError

    def _handle(self, number: int, frame: FrameType | None) -> None:
        for ending in self._endings:
            ending.seen()
        if not self._number:
            self._number, self._since = number, time.monotonic()
        elif number == signal.SIGINT and time.monotonic() > self._since + _ECHO:
            self.release()
            signal.raise_signal(number)


class _Agreement:
    """The maximum of a number over all processes, one call late, so that nobody waits for it.

    It is computed on the devices, between the steps: the result of the last call is there as soon
    as the step before is finished.
    """

    def __init__(self) -> None:
        # One device of each process would do, but jax wants all of them in a mesh.
        mesh = Mesh(np.array(jax.devices()), ("devices",))
        self._spread = NamedSharding(mesh, PartitionSpec("devices"))
        self._max = jax.jit(jax.numpy.max, out_shardings=NamedSharding(mesh, PartitionSpec()))
        self._last: jax.Array | None = None

    def greatest(self, number: int) -> int:
        mine = np.full(jax.local_device_count(), number, np.int32)
        last = self._last
        self._last = self._max(jax.make_array_from_process_local_data(self._spread, mine))
        return 0 if last is None else int(last.addressable_data(0))
