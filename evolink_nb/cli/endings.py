"""How commands that run until they are told to end are told: by Ctrl+C, or by SIGTERM as systemd sends it."""

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
    """Have a function called when the command is to end, within the ``with``.

    Args:
        handler: Called with the signal's number and the frame that it interrupts.
    """
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handled in before.items():
            signal.signal(number, handled)
