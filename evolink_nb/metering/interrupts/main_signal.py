"""The signal with which a budget interrupts the main thread in a sleep, a blocking read or a retry loop.

It is not SIGINT: that signal's handler belongs to the user, IPython or asyncio, and a parent process may have
set it to be ignored (``nohup python job.py &``, cron). SIGURG does nothing by default, so one that arrives
late does no harm; Go's runtime interrupts its threads with it for the same reason. A handler is installed
while a budget watches the main thread; the previous handler is restored afterwards.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from ... import runtime

# Windows has no SIGURG, and never sends SIGTERM itself.
SIGNAL = signal.SIGTERM if sys.platform == "win32" else signal.SIGURG

Receiver = Callable[[FrameType | None], object]


class MainSignal:
    """The signal, and its receivers on the main thread.

    Handlers can only be set on the main thread, so `add` and `remove` install and restore them only there.
    """

    def __init__(self) -> None:
        """Start without receivers."""
        self._receivers: tuple[Receiver, ...] = ()
        self._before: Any = None
        self._stands = False
        runtime.forget_after_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's receivers; the child's first `remove` restores the handler."""
        self._receivers = ()

    def add(self, receiver: Receiver) -> bool:
        """Call a receiver on the main thread each time the signal arrives.

        Args:
            receiver: Called with the frame that the signal interrupted; what it raises is raised there.

        Returns:
            Whether the signal will reach the receiver. False outside the main thread, and if the signal's
            handler wasn't installed from Python.
        """
        self._receivers = (*self._receivers, receiver)
        if not self._stands and threading.current_thread() is threading.main_thread():
            self._install()
        if not self._stands:
            self.remove(receiver)
        return self._stands

    def remove(self, receiver: Receiver) -> None:
        """Stop calling a receiver; do nothing if it wasn't added.

        Args:
            receiver: The receiver.
        """
        self._receivers = tuple(each for each in self._receivers if each != receiver)
        is_main = threading.current_thread() is threading.main_thread()
        if not self._receivers and self._stands and is_main:
            self._restore()

    def send(self) -> None:
        """Send the signal to the main thread, from any thread.

        A signal that arrives just before a wait begins doesn't end that wait: send it until it is received.
        """
        if not self._stands:
            return
        if sys.platform == "win32":
            _thread.interrupt_main(SIGNAL)
        else:
            signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)

    def _install(self) -> None:
        before = signal.getsignal(SIGNAL) if runtime.HAS_THREADS else None  # no other thread could send it
        if before is None:  # not set from Python: it couldn't be restored
            return
        try:
            signal.signal(SIGNAL, self._handle)
        except ValueError:  # in a subinterpreter
            return
        self._before, self._stands = before, True

    def _restore(self) -> None:
        if signal.getsignal(SIGNAL) == self._handle:  # otherwise keep the handler that the work has set
            signal.signal(SIGNAL, self._before)
        self._stands = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        for receiver in self._receivers:
            receiver(frame)
        if callable(self._before):
            self._before(number, frame)


main_signal = MainSignal()
"""The signal to this process's main thread."""
