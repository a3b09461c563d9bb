"""An interrupt as the user sends it: to the main thread, whatever that waits for."""

from __future__ import annotations

import signal
import threading


def interrupt_main_thread() -> None:
    """Interrupt the main thread, from any other."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
