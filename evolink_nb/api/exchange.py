"""One request in flight: its outcome, and how to end it."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from concurrent.futures import Future, InvalidStateError
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from ..errors import APIConnectionError

T = TypeVar("T")


class Exchange(Generic[T]):
    """One request in flight, observed by its connection. The first outcome reported counts.

    Attributes:
        outcome: The future of the outcome; holds a value, never an exception.
        cancelled: Identifies a caller who may cancel only this request; None for one who won't.
        done: Done when no part of the exchange runs any more; None before it is started.
        sent: Whether a connection of ours has sent the request; if not, the server was not asked.
    """

    def __init__(self, cancelled: threading.Event | None = None) -> None:
        """Start with nothing sent.

        Args:
            cancelled: Identifies a caller who may cancel only this request.
        """
        self.cancelled = cancelled
        self.outcome: Future[T | APIConnectionError] = Future()
        self.done: Future[None] | None = None
        self._socket: socket.socket | None = None
        self._cancelled = False
        self.sent = False

    def sending(self) -> None:
        """Record that the request is being sent."""
        self.sent = True

    def connected(self, connected: socket.socket) -> None:
        """Record the socket that the request uses."""
        # With this order here and in `cancel`, no socket can escape both.
        self._socket = connected
        if self._cancelled:
            _shut_down(connected)

    def finish(self, outcome: T | APIConnectionError) -> None:
        """Report ``outcome``; the socket no longer belongs to this request."""
        self._socket = None
        self._report(outcome)

    def cancel(self, outcome: APIConnectionError) -> None:
        """Report ``outcome`` and cut the connection, now or once there is one; does nothing once finished."""
        # Reported first, because a cut-off request reports an error that the server didn't cause.
        self._report(outcome)
        self._cancelled = True
        connected = self._socket
        if connected is not None:
            _shut_down(connected)

    def abandon(self) -> None:
        """Close a forked child's copy of the socket: the parent goes on using its own."""
        connected, self._socket = self._socket, None
        if connected is not None:
            with contextlib.suppress(OSError):
                # `close` would wait for file objects that the parent's thread has made from it.
                os.close(connected.detach())

    def _report(self, outcome: T | APIConnectionError) -> None:
        with contextlib.suppress(InvalidStateError):
            self.outcome.set_result(outcome)


def _shut_down(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):  # already closed
        connected.shutdown(socket.SHUT_RDWR)
