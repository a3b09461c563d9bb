"""Connections that report their socket, and that a forked child can abandon.

Cutting a request off takes the socket it goes over, and requests doesn't tell which one that is.
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
"""Called with the socket of each request that is sent in this context."""


class TrackingAdapter(requests.adapters.HTTPAdapter):
    """The usual adapter, with connections that call `socket_tracker`."""

    def __init__(self) -> None:
        """Begin without a connection."""
        super().__init__()
        self._pools: weakref.WeakSet[Any] = weakref.WeakSet()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of connections for a request, as `requests` asks for it."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if pool not in self._pools:
            pool.ConnectionCls = _tracking(pool.ConnectionCls)
            self._pools.add(pool)
        return pool

    def abandon(self) -> None:
        """Let go of every idle connection in a forked child; the parent keeps them open."""
        for pool in list(self._pools):
            queue = pool.pool
            if queue is None:  # closed already
                continue
            idle = list(queue.queue)
            # A thread that only the parent has may hold its lock; closing the pool would wait for that.
            type(queue).__init__(queue, queue.maxsize)
            for connection in filter(None, idle):
                connection.close()  # closes this process's copy of the socket; nothing is sent


def _tracking(base: Any) -> Any:
    class TrackingConnection(base):  # type: ignore[misc]  # http's or https's, the pool knows which
        def connect(self) -> None:
            super().connect()
            self._track()

        def request(self, *args: Any, **kwargs: Any) -> Any:
            self._track()  # kept alive from an earlier request
            return super().request(*args, **kwargs)

        def _track(self) -> None:
            # Now, not once it is needed: a connection that is to close after its response lets go of its
            # socket before that. There is none before it connects, and in a browser never.
            connected, track = getattr(self, "sock", None), socket_tracker.get()
            if connected is not None and track is not None:
                track(connected)

    return TrackingConnection
