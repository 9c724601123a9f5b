"""SIGINT (Ctrl-C) and SIGTERM, which stop a command on purpose.

Both end a command by an exception, so that it releases what it holds. Python itself raises an
exception only for SIGINT, and only while the interpreter runs; a call into compiled code, such as
the compilation of a network, would delay it. Training has handlers of its own while there is
something to save (training/stop.py).
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

# What a command exits with that was stopped: EX_TEMPFAIL of sysexits.h, and what shells give.
STATUS = {int(signal.SIGTERM): 75, int(signal.SIGINT): 130}
_PATIENCE = 1.0  # seconds that a call into compiled code has to return
_SEEN = b"\0"  # no signal has this number


class Terminated(KeyboardInterrupt):
    """SIGTERM. Code that lets Ctrl-C pass lets this pass too."""


class Ending:
    """Ends the block at SIGINT (KeyboardInterrupt) or SIGTERM (Terminated).

    The exception may get lost, because some modules drop it while they are imported, and so does
    Python's garbage collector in its callbacks. Then it is raised again. If the interpreter does
    not handle a signal within a second although other threads run, the process ends at once, as
    with SIGKILL. Handlers can be set only in the main thread. Elsewhere, and for a signal that the
    process was started to ignore, this class does nothing.

    Attributes:
      number: of the signal that ends the block; 0 before.
    """

    def __init__(self, say: Callable[[int], Any]) -> None:
        """Sets nothing yet.

        Args:
          say: tells the user of the signal at which the process ends as it is.
        """
        self.number = 0
        self._say = say
        self._raised: BaseException | None = None
        self._old: dict[int, Any] = {}

    def __enter__(self) -> "Ending":
        if threading.current_thread() is not threading.main_thread():
            return self
        self._read, self._write = socket.socketpair()
        self._write.setblocking(False)
        self._old = {number: take(number, self._handle) for number in STATUS}
        self._old_fd = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._old:
            signal.set_wakeup_fd(self._old_fd)
            give_back(self._old)
            self._write.close()  # which ends the thread

    def seen(self) -> None:
        """Reports that the interpreter has reached the handler of a signal."""
        self._write.send(_SEEN)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.seen()
        handled = sys.exception()
        while handled:
            if handled is self._raised:  # it is on its way: what is held is being let go
                return
            handled = handled.__context__
        self.number = number
        self._raised = Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
        raise self._raised

    def _watch(self) -> None:
        """Reads the signals as they arrive, and the reports of the handlers."""
        last = _SEEN
        while last:
            try:
                last = self._read.recv(1)
                self._read.settimeout(_PATIENCE)
            except TimeoutError:
                if signal.getsignal(signal.SIGTERM) != self._handle:
                    continue  # somebody has things to save
                if last != _SEEN:
                    self._say(last[0])
                    os._exit(STATUS[last[0]])
                if self.number:
                    signal.raise_signal(self.number)
        self._read.close()


def take(number: int, handler: Callable[[int, FrameType | None], Any]) -> Any:
    """Sets a handler, unless the signal is ignored.

    Args:
      number: of the signal.
      handler: the new handler.

    Returns:
      The handler before.
    """
    old = signal.getsignal(number)
    if old is not signal.SIG_IGN:
        signal.signal(number, handler)
    return old


def give_back(handlers: dict[int, Any]) -> None:
    """Sets the handlers that `take` returned. None is a handler that Python does not know."""
    for number, handler in handlers.items():
        signal.signal(number, signal.SIG_DFL if handler is None else handler)


def take_back() -> None:
    """Sets Python's handlers again after a library has replaced them at the C level."""
    if threading.current_thread() is threading.main_thread():
        for number in STATUS:
            if (handler := signal.getsignal(number)) is not None:
                signal.signal(number, handler)
