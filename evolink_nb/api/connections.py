"""Connections that report their socket, and that a forked child can abandon.

Cutting off a request requires its socket, and requests doesn't expose it.
"""

from __future__ import annotations

import socket
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import requests

socket_tracker: ContextVar[Callable[[socket.socket], None] | None] = ContextVar(
    "evolink_nb_socket_tracker", default=None
)
"""Called with the socket of each request sent in this context."""


class TrackingAdapter(requests.adapters.HTTPAdapter):
    """The default adapter, but its connections call `socket_tracker`."""

    def __init__(self) -> None:
        """Start without a connection."""
        super().__init__()
        self._pools: weakref.WeakSet[Any] = weakref.WeakSet()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the connection pool for a request; `requests` calls this."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if pool not in self._pools:
            pool.ConnectionCls = _tracking(pool.ConnectionCls)
            self._pools.add(pool)
        return pool

    def abandon(self) -> None:
        """Drop every idle connection in a forked child; the parent keeps them open."""
        for pool in list(self._pools):
            queue = pool.pool
            if queue is None:  # already closed
                continue
            idle = list(queue.queue)
            # A thread that exists only in the parent may hold its lock; closing the pool would wait for that.
            type(queue).__init__(queue, queue.maxsize)
            for connection in filter(None, idle):
                connection.close()  # closes this process's copy of the socket; nothing is sent


def _tracking(base: Any) -> Any:
    class TrackingConnection(base):  # type: ignore[misc]  # http or https, as the pool decides
        def connect(self) -> None:
            super().connect()
            self._track()

        def request(self, *args: Any, **kwargs: Any) -> Any:
            self._track()  # kept alive since an earlier request
            return super().request(*args, **kwargs)

        def _track(self) -> None:
            # Now, not when it is needed: a connection that closes after its response drops its socket before
            # that. There is no socket before it connects, and never one in a browser.
            connected, track = getattr(self, "sock", None), socket_tracker.get()
            if connected is not None and track is not None:
                track(connected)

    return TrackingConnection
