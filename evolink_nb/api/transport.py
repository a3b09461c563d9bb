"""One HTTP exchange with a total deadline, cancellable at any moment.

Nothing in requests limits a name look-up or a response that arrives byte by byte, so each exchange runs in
its own thread while the caller waits for the outcome. That also keeps the frames that hold the key out of
every
traceback: an interrupt unwinds the caller's frames, and errors come back as values.
"""

from __future__ import annotations

import contextlib
import http.client
import http.cookiejar
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from datetime import UTC, datetime
from functools import partial
from typing import Generic, TypeVar

import requests
import urllib3.exceptions

from .. import runtime
from ..errors import APIConnectionError, APITimeoutError
from .connections import TrackingAdapter, socket_tracker
from .responses import Response
from .settings import BASE_URL_VARIABLE

MAX_BODY = 1 << 20
"""The most bytes of a body that are read; a reading is about 250."""
THREAD_NAME = "evolink-nb-request"

T = TypeVar("T")


class BoundedSession(Generic[T]):
    """GET requests for one URL over kept-alive connections, each with a deadline and cancellable.

    No redirect is followed: the key belongs to this host. No cookie is kept: a server may echo in one what it
    was sent. ``~/.netrc`` never replaces the key. A proxy from the environment is used for https only: for
    http it would see a loopback server's key in the clear.

    Attributes:
        closed: Set by the next `close`; each `close` replaces it with a new event, so that work begun before
            it can be told from work begun after it.
    """

    def __init__(
        self,
        base_url: str,
        path: str,
        *,
        auth: requests.auth.AuthBase,
        headers: dict[str, str],
        parse: Callable[[Response], T],
        close_grace: float,
    ) -> None:
        """Prepare a session; nothing is sent.

        Args:
            base_url: A checked base URL.
            path: The path after it, from "/" on.
            auth: Puts the key into a request.
            headers: Sent with every request.
            parse: Turns a response into an outcome. It runs in the request's thread, because a response may
                quote the key.
            close_grace: The longest that `close` waits for each request it cancels, in seconds.
        """
        self.closed = threading.Event()
        self._base_url = base_url
        self._url = f"{base_url}{path}"
        self._auth = auth
        self._headers = headers
        self._parse = parse
        self._close_grace = close_grace
        self._in_flight: set[_Exchange[T]] = set()
        self._open()
        runtime.forget_after_fork(self)

    def get(self, timeout: float, closed: threading.Event) -> T | APIConnectionError:
        """Send one request and return its outcome; errors on the way are returned, not raised.

        Args:
            timeout: Seconds that the whole exchange may take, from the name look-up to the last byte.
            closed: The value of `closed` when the caller's work began.

        Returns:
            The result of ``parse``, or the error that occurred instead: an `APITimeoutError` after the
            deadline, an `APIConnectionError` if the connection failed or the session was closed.

        Raises:
            RuntimeError: The platform can't start another thread.
        """
        exchange: _Exchange[T] = _Exchange()
        # Registered before checking whether the session was closed: close sets that before it looks here.
        self._in_flight.add(exchange)
        try:
            if closed.is_set():
                return _cancelled()
            # Inside try: starting waits for the thread, and an interrupt may come at that moment.
            exchange.job = runtime.start(partial(self._run, exchange, timeout), name=THREAD_NAME)
            return exchange.outcome.result(timeout)
        except TimeoutError:
            exchange.cancel(self._timed_out(timeout))
            return exchange.outcome.result()
        finally:
            self._in_flight.discard(exchange)
            exchange.cancel(_cancelled())  # has no effect on a finished one

    def cancel(self) -> None:
        """End every request in flight now; its caller gets an `APIConnectionError`."""
        for exchange in list(self._in_flight):
            exchange.cancel(_cancelled())

    def close(self) -> None:
        """Cancel requests in flight and close the connections; a later request opens a new one."""
        closed, self.closed = self.closed, threading.Event()
        closed.set()
        in_flight = list(self._in_flight)
        self.cancel()
        # A connection returned to a closed session would stay open.
        for exchange in in_flight:
            if exchange.job is not None:
                exchange.job.join(self._close_grace)
        self._session.close()

    def after_fork(self) -> None:
        """Start anew in a forked child: the parent keeps its connections, requests and locks."""
        self.closed = threading.Event()
        self._in_flight = set()
        self._adapter.abandon()
        self._open()

    def _open(self) -> None:
        self._adapter = TrackingAdapter()
        self._session = requests.Session()
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=()))
        self._session.headers.update(self._headers)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, self._adapter)
        self._session.trust_env = self._base_url.startswith("https://")
        # Prepared once, without the key, which is added to a copy for the duration of one request.
        self._request = self._session.prepare_request(requests.Request("GET", self._url, auth=_no_key))

    def _run(self, exchange: _Exchange[T], timeout: float) -> None:
        """Do the exchange, in its thread. No exception may escape: it would hold the request and the key."""
        socket_tracker.set(exchange.track)
        outcome: T | APIConnectionError
        try:
            outcome = self._send(timeout)
        except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
            outcome = self._timed_out(timeout)
        except BaseException as error:  # noqa: BLE001 - any exception may hold the key
            outcome = self._failed(error)
        exchange.finish(outcome)

    def _send(self, timeout: float) -> T:
        options = self._session.merge_environment_settings(self._url, {}, True, None, None)
        request = self._auth(self._request.copy())
        requested_at = time.monotonic()
        with self._session.send(request, timeout=timeout, allow_redirects=False, **options) as response:
            return self._parse(_receive(response, requested_at))

    def _timed_out(self, timeout: float) -> APITimeoutError:
        return APITimeoutError(
            f"No answer from {self._base_url} within {timeout:g} s.",
            hint="Try again, or allow more time with timeout=.",
        )

    def _failed(self, error: BaseException) -> APIConnectionError:
        return APIConnectionError(
            f"No answer from {self._base_url}: {_cause(error)}.",
            hint=f"Check the network, a proxy or VPN, and {BASE_URL_VARIABLE}.",
        )


class _Exchange(Generic[T]):
    """One request in flight. The first outcome reported counts.

    Attributes:
        outcome: Holds a value, never an exception.
        job: The job running it; None before it is started.
    """

    def __init__(self) -> None:
        self.outcome: Future[T | APIConnectionError] = Future()
        self.job: runtime.Job[None] | None = None
        self._socket: socket.socket | None = None
        self._cancelled = False

    def track(self, connected: socket.socket) -> None:
        """Record the socket that the request uses."""
        # This order here and in cancel leaves no moment at which a socket escapes both.
        self._socket = connected
        if self._cancelled:
            _shut_down(connected)

    def finish(self, outcome: T | APIConnectionError) -> None:
        """Report ``outcome``; the socket no longer belongs to this request."""
        self._socket = None
        self._report(outcome)

    def cancel(self, outcome: APIConnectionError) -> None:
        """Report ``outcome`` and cut the connection, now or once there is one; does nothing once finished."""
        # Reported first: what a cut-off request reports is not what the server said.
        self._report(outcome)
        self._cancelled = True
        connected = self._socket
        if connected is not None:
            _shut_down(connected)

    def _report(self, outcome: T | APIConnectionError) -> None:
        with contextlib.suppress(InvalidStateError):
            self.outcome.set_result(outcome)


def _receive(response: requests.Response, requested_at: float) -> Response:
    """Return the response with up to `MAX_BODY` bytes of its body."""
    read_at, monotonic, body, problem = datetime.now(UTC), time.monotonic(), b"", None
    try:
        body = response.raw.read(MAX_BODY + 1, decode_content=True)
    except urllib3.exceptions.TimeoutError:
        raise
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError):
        problem = "it was cut short"
    if len(body) > MAX_BODY:
        body, problem = b"", f"it is larger than {MAX_BODY:,} bytes"
        response.raw.close()  # reading the rest to keep the connection costs more than a new one
    return Response(
        response.status_code, response.headers, body, read_at, requested_at, monotonic, problem=problem
    )


def _no_key(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand in for the auth object while a request is prepared: without one, netrc would be read."""
    return request


def _cancelled() -> APIConnectionError:
    return APIConnectionError("The read was cancelled: its client was closed.")


def _shut_down(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        connected.shutdown(socket.SHUT_RDWR)


def _cause(error: BaseException) -> str:
    """Return what broke in our own words: the exception's may contain a header or a proxy's password."""
    chain: list[object] = [error]
    for link in chain:  # grows while being iterated
        if isinstance(link, BaseException):
            inner = (link.__cause__, link.__context__, getattr(link, "reason", None), *link.args)
            chain += [item for item in inner if item is not None and item not in chain]
    causes: tuple[tuple[type[BaseException], str], ...] = (
        (requests.exceptions.ProxyError, "the proxy did not let it through"),
        (requests.exceptions.SSLError, "its certificate could not be verified"),
        (socket.gaierror, "its name was not found"),
        (ConnectionRefusedError, "the connection was refused"),
    )
    for kind, words in causes:
        if any(isinstance(link, kind) for link in chain):
            return words
    return "the connection broke"
