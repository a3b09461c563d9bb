"""One HTTP exchange with a total deadline, cancellable at any moment.

Nothing in requests limits a name look-up or a response that arrives byte by byte, so each exchange runs in
a thread of ours while the caller waits for the outcome. That also keeps the frames that hold the key out of
every traceback: an interrupt unwinds only the caller's frames, and errors come back as values.

One of requests' adapters does the exchange, without a `requests.Session`: what a session adds is either
unwanted here (redirects, whose bodies it reads whole, cookies, netrc, hooks) or replaced by libraries that
answer from a cache.
"""

from __future__ import annotations

import http.client
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from .. import runtime
from ..errors import APIConnectionError, APITimeoutError
from .adapters import adapter_for
from .connections import observer
from .exchange import Exchange
from .failures import bundle_variable, failure
from .responses import Response
from .settings import is_loopback

MAX_BODY = 1 << 20
"""The most bytes of a body that are read; a reading has about 250."""
READ_SIZE = 1 << 16
THREAD_NAME = "evolink-nb-request"
CONNECT_SHARE = 0.25
"""The share of a timeout that connecting to one address may take: a name often has several, and the first may
not answer."""
MIN_CONNECT = 1.0
"""Seconds that connecting may always take, unless that is more than half the timeout."""

HEADERS = {"Accept-Encoding": "identity", "Cache-Control": "no-cache, no-store", "Pragma": "no-cache"}
"""Sent with every request: no compressed body, and no answer from a cache."""

T = TypeVar("T")


class BoundedSession(Generic[T]):
    """Cancellable GET requests for one URL over kept-alive connections, each with a deadline.

    No redirect is followed, because the key belongs to this host. No cookie is kept, because a server may put
    what it was sent into one. ``~/.netrc`` never replaces the key. A proxy from the environment is used for
    https only: for http it would see a loopback server's key in the clear. Caches are told to pass every
    request on.

    Attributes:
        closed: Set by the next `close`. Each `close` replaces it with a new event, which distinguishes work
            begun before it from work begun after it.
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
            path: The path after the base URL, from "/" on.
            auth: Adds the key to a request.
            headers: Sent with every request.
            parse: Turns a response into an outcome. It runs in the request's thread, because a response may
                quote the key.
            close_grace: The longest `close` waits for each request it cancels, in seconds.
        """
        self.closed = threading.Event()
        self._base_url = base_url
        self._url = f"{base_url}{path}"
        self._auth = auth
        self._headers = headers
        self._parse = parse
        self._close_grace = close_grace
        self._in_flight: set[Exchange[T]] = set()
        self._workers = runtime.Workers(THREAD_NAME)
        self._open()
        runtime.forget_after_fork(self)

    def get(
        self, timeout: float, closed: threading.Event, cancelled: threading.Event | None = None
    ) -> T | APIConnectionError:
        """Send one request and return its outcome; errors on the way are returned, not raised.

        Args:
            timeout: Seconds that the whole exchange may take, from the name look-up to the last byte.
            closed: The value of `closed` when the caller's work began.
            cancelled: The event to pass to `cancel` to cancel this request.

        Returns:
            The result of ``parse``, or the error that occurred instead: an `APITimeoutError` after the
            deadline, an `APIConnectionError` if the connection failed, the session was closed, or no thread
            could be started.
        """
        exchange: Exchange[T] = Exchange(cancelled)
        # Registered before checking whether the session was closed: `close` sets the event, then looks here.
        self._in_flight.add(exchange)
        try:
            if closed.is_set() or (cancelled is not None and cancelled.is_set()):
                return _cancelled()
            # Inside try: starting waits for the thread, and an interrupt may come at that moment.
            try:
                exchange.done = self._workers.start(partial(self._run, exchange, timeout))
            except RuntimeError as error:
                return not_started(error)
            if not runtime.wait_until_done(exchange.outcome, timeout):
                exchange.cancel(self._timed_out(timeout))
            return exchange.outcome.result()
        finally:
            self._in_flight.discard(exchange)
            exchange.cancel(_cancelled())  # has no effect on a finished one

    def cancel(self, cancelled: threading.Event | None = None) -> None:
        """End requests in flight now; their callers get an `APIConnectionError`.

        Args:
            cancelled: The event that the request was made with, already set; None for every request.
        """
        for exchange in list(self._in_flight):
            if cancelled is None or exchange.cancelled is cancelled:
                exchange.cancel(_cancelled())

    def close(self) -> None:
        """Cancel requests in flight and close the connections; a later request opens a new one."""
        closed, self.closed = self.closed, threading.Event()
        closed.set()
        in_flight = list(self._in_flight)
        self.cancel()
        # A connection returned to a closed session would stay open.
        for exchange in in_flight:
            if exchange.done is not None:
                runtime.wait_until_done(exchange.done, self._close_grace)
        self._adapter.close()
        self._workers.end_idle()

    def after_fork(self) -> None:
        """Start afresh in a forked child: the parent keeps its connections, requests and locks."""
        self.closed = threading.Event()
        for exchange in self._in_flight:
            exchange.abandon()
        self._in_flight = set()
        self._adapter.abandon()
        self._open()

    def _open(self) -> None:
        self._adapter = adapter_for(self._base_url)
        # Prepared once, without the key, which is added to a copy for the duration of one request.
        self._request = requests.PreparedRequest()
        self._request.prepare("GET", self._url, headers=HEADERS | self._headers)

    def _run(self, exchange: Exchange[T], timeout: float) -> None:
        """Do the exchange, in its thread. No exception may escape: it would hold the request and the key."""
        observer.set(exchange)
        outcome: T | APIConnectionError
        try:
            outcome = self._send(exchange, timeout)
        except requests.ConnectTimeout:
            outcome = self._not_connected(timeout)
        except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
            outcome = self._timed_out(timeout)
        except BaseException as error:  # noqa: BLE001 - any exception may hold the key
            outcome = failure(self._base_url, error)
        exchange.finish(outcome)

    def _send(self, exchange: Exchange[T], timeout: float) -> T:
        request = self._auth(self._request.copy())
        requested_at = time.monotonic()
        times = (_connect_timeout(timeout), timeout)
        with self._adapter.send(request, stream=True, timeout=times, **self._environment()) as response:
            return self._parse(_receive(response, requested_at, sent=exchange.sent))

    def _environment(self) -> dict[str, Any]:
        """Return the proxies and certificates that the environment names, as a session would use them."""
        if not self._base_url.startswith("https://"):
            return {}
        bundle = bundle_variable()
        # Through a proxy, loopback would be another machine.
        is_here = is_loopback(urlsplit(self._base_url).hostname)
        proxies = {} if is_here else requests.utils.get_environ_proxies(self._url)
        return {"proxies": proxies, "verify": os.environ[bundle] if bundle else True}

    def _not_connected(self, timeout: float) -> APITimeoutError:
        return APITimeoutError(
            f"No connection to {self._base_url} within {_connect_timeout(timeout):g} s.",
            hint="Check the network, a proxy or VPN, or allow more time with timeout=.",
            shell_hint="Check the network, a proxy or VPN.",
        )

    def _timed_out(self, timeout: float) -> APITimeoutError:
        return APITimeoutError(
            f"No answer from {self._base_url} within {timeout:g} s.",
            hint="Try again, or allow more time with timeout=.",
            shell_hint="Try again in a moment.",
        )


def _receive(response: requests.Response, requested_at: float, *, sent: bool) -> Response:
    """Return the response with up to `MAX_BODY` bytes of its body."""
    read_at, monotonic = datetime.now(UTC), time.monotonic()
    body, problem = _read_body(response)
    if problem is not None:
        response.raw.close()  # reading the rest to keep the connection costs more than a new one
    return Response(
        response.status_code, response.headers, body, read_at, requested_at, monotonic, problem, sent
    )


def _read_body(response: requests.Response) -> tuple[bytes, str | None]:
    """Return a body and None, or nothing and why it can't be received in full."""
    encoding = response.headers.get("Content-Encoding") or "identity"
    # A browser decodes the body but leaves the header.
    if encoding.strip().lower() != "identity" and sys.platform != "emscripten":
        # A few kilobytes may decompress to gigabytes, and some versions of urllib3 don't stop in time.
        return b"", "it is compressed, although the request asked for no compression"
    body = bytearray()
    try:
        while part := response.raw.read(READ_SIZE, decode_content=False):
            body += part
            if len(body) > MAX_BODY:
                return b"", f"it is larger than {MAX_BODY:,} bytes"
    except urllib3.exceptions.TimeoutError:
        raise
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError):
        return b"", "it was cut short"
    # Some versions of urllib3 don't compare them.
    promised = response.headers.get("Content-Length") or ""
    if promised.isascii() and promised.isdecimal() and len(body) < int(promised[:20]):
        return b"", "it was cut short"
    return bytes(body), None


def _connect_timeout(timeout: float) -> float:
    """Return how many seconds connecting to one address may take."""
    return max(timeout * CONNECT_SHARE, min(MIN_CONNECT, timeout / 2))


def not_started(error: RuntimeError) -> APIConnectionError:
    """Return the error to raise if no thread could be started.

    Args:
        error: The exception that Python raised.
    """
    return APIConnectionError(
        f"The request could not be sent in the background: {error}.",
        hint="End some of the threads that run here, or raise the limit of processes (ulimit -u).",
    )


def _cancelled() -> APIConnectionError:
    return APIConnectionError("The read was cancelled: its client was closed.")
