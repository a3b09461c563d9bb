"""Connections that report what they do, and that a forked child can abandon.

Cutting off a request requires its socket, which requests doesn't expose. Also, only a connection of our own
proves that a request was really sent: some libraries replace the classes of requests and urllib3 for a whole
process, to answer from a cache (requests-cache) or from a recording (VCR.py, responses).
"""

from __future__ import annotations

import http.client
import io
import socket
import weakref
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

import requests

MAX_READ = 1 << 20
"""The most bytes read at once when a response states no sensible length."""

T = TypeVar("T")


class RequestObserver(Protocol):
    """Observes one request."""

    def connected(self, connected: socket.socket) -> None:
        """Handle the socket that the request uses."""

    def sending(self) -> None:
        """Handle a request that is about to be sent over a connection of ours."""


observer: ContextVar[RequestObserver | None] = ContextVar("evolink_nb_request_observer", default=None)
"""Observes each request sent in this context."""


def original(found: type[T], package: str) -> type[T] | None:
    """Return a package's own class, even if another library has replaced it with a derived one.

    Args:
        found: The class now found in its place; the package's own if nothing replaced it.
        package: The package's name.

    Returns:
        The package's own class; None if ``found`` isn't derived from one.
    """
    return next((each for each in found.__mro__ if each.__module__.split(".")[0] == package), None)


_Adapter: Any = original(requests.adapters.HTTPAdapter, "requests") or requests.adapters.HTTPAdapter


class TrackingAdapter(_Adapter):  # type: ignore[misc]  # a class that is looked up
    """The default adapter, with connections that report to `observer`."""

    def __init__(self) -> None:
        """Start without a connection."""
        super().__init__()
        self._pools: weakref.WeakSet[Any] = weakref.WeakSet()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the connection pool for a request; `requests` calls this."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if pool not in self._pools:
            # A class not derived from urllib3's stays as it is: the requests it answers count as not sent.
            base = original(pool.ConnectionCls, "urllib3")
            pool.ConnectionCls = pool.ConnectionCls if base is None else _tracking(base)
            self._pools.add(pool)
        return pool

    def close(self) -> None:
        """Close every idle connection now: not every urllib3 does so while an exception holds its pool."""
        for pool in list(self._pools):
            pool.close()
        super().close()

    def abandon(self) -> None:
        """Drop every idle connection in a forked child; the parent keeps them open."""
        for pool in list(self._pools):
            queue = pool.pool
            if queue is None:  # already closed
                continue
            idle = list(queue.queue)
            # Closing the pool could wait forever for its lock, held by a thread that exists only in the
            # parent.
            type(queue).__init__(queue, queue.maxsize)
            for connection in filter(None, idle):
                connection.close()  # closes this process's copy of the socket; nothing is sent


class _BoundedReader(io.BufferedReader):
    """Reads at most `MAX_READ` bytes when asked for everything."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(MAX_READ if size is None or size < 0 else size)


class _BoundedResponse(http.client.HTTPResponse):
    """A response that is never read all at once, as a chunk of size -1 would be."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = _BoundedReader(self.fp.detach())


def _tracking(base: Any) -> Any:
    class TrackingConnection(base):  # type: ignore[misc]  # http or https, as the pool decides
        response_class = _BoundedResponse
        # `http.client.HTTPConnection.debuglevel = 1` would print the key into the cell.
        debuglevel = 0

        def connect(self) -> None:
            super().connect()
            self._report()

        def request(self, *args: Any, **kwargs: Any) -> Any:
            observing = observer.get()
            if observing is not None:
                observing.sending()
            self._report()  # kept alive since an earlier request
            return super().request(*args, **kwargs)

        def _report(self) -> None:
            # Reported now, not when needed: a connection that closes after its response has dropped its
            # socket by then. There is no socket before it connects, and never one in a browser.
            connected, observing = getattr(self, "sock", None), observer.get()
            if connected is not None and observing is not None:
                observing.connected(connected)

    return TrackingConnection
