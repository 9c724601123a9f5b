"""SIGINT (Ctrl-C) and SIGTERM, by which a command is stopped on purpose.

Both end a command by an exception, so that whatever it holds is let go. Python raises one for
SIGINT alone, and only when the interpreter is at work: a call into compiled code, such as the
compilation of a network, would be waited for. Training has handlers of its own while there is
something to save (training/stop.py).
"""

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

# What a command exits with that was stopped: EX_TEMPFAIL of sysexits.h, and what shells give.
STATUS = {int(signal.SIGTERM): 75, int(signal.SIGINT): 130}
# Seconds in which a signal that comes again is the same one: `timeout` sends it to the command and
# to the command's group, a terminal to wrappers that pass it on.
ECHO = 1.0
_PATIENCE = 1.0  # seconds that a call into compiled code has to return
_SEEN = b"\0"  # no signal has this number


class Terminated(KeyboardInterrupt):
    """SIGTERM; whoever lets Ctrl-C through lets it through too."""


class Ending:
    """Ends what runs within it at SIGINT (KeyboardInterrupt) or SIGTERM (Terminated).

    Where the interpreter does not get to it within a second, the process is ended as it is: that
    leaves what SIGKILL would leave. Handlers can be set in the main thread only; elsewhere, and
    for a signal that the process was started to ignore, this does nothing.

    Attributes:
      number: the last signal; 0 before there is any.
    """

    def __init__(self, say: Callable[[int], Any]) -> None:
        """Sets nothing yet.

        Args:
          say: tells the user of the signal by which the process is ended as it is.
        """
        self.number = 0
        self._since = -ECHO
        self._say = say
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
        """Tells that the interpreter has got to a signal: its handler runs."""
        self._write.send(_SEEN)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.seen()
        if time.monotonic() < self._since + ECHO:
            return
        self.number, self._since = number, time.monotonic()
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    def _watch(self) -> None:
        """Reads of signals, as they arrive, and of handlers that run."""
        while number := self._read.recv(1):
            if number == _SEEN or select.select([self._read], [], [], _PATIENCE)[0]:
                continue
            if signal.getsignal(number[0]) == self._handle:  # else somebody has things to save
                self._say(number[0])
                os._exit(STATUS[number[0]])
        self._read.close()


def take(number: int, handler: Callable[[int, FrameType | None], Any]) -> Any:
    """Sets a handler, unless the signal is ignored, and returns the one before."""
    old = signal.getsignal(number)
    if old is not signal.SIG_IGN:
        signal.signal(number, handler)
    return old


def give_back(handlers: dict[int, Any]) -> None:
    """Sets handlers that `take` returned; None is one that Python does not know."""
    for number, handler in handlers.items():
        signal.signal(number, signal.SIG_DFL if handler is None else handler)


def raise_again(unraisable: Any) -> None:
    """A `sys.unraisablehook` that drops all but a stop.

    Python drops what is raised where nobody could catch it, as in a callback of the collector of
    garbage; if a handler ran there, the signal would have been for nothing.
    """
    for number, kind in ((signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)):
        if unraisable.exc_type is kind:
            threading.Timer(0.01, signal.raise_signal, [number]).start()


def take_back() -> None:
    """Sets Python's handlers once more, after a library has set its own beneath them."""
    if threading.current_thread() is threading.main_thread():
        for number in STATUS:
            if (handler := signal.getsignal(number)) is not None:
                signal.signal(number, handler)
