"""The signals that end a long-running command: Ctrl+C, or SIGTERM as sent by systemd."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def when_ended(handler: Callable[[int, Any], object]) -> Iterator[None]:
    """Within a ``with`` block, call a function when the command is told to end.

    Args:
        handler: Called with the signal's number and the frame that it interrupts.
    """
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handled in before.items():
            signal.signal(number, handled)
