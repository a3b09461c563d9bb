"""One request in, one `Credits` or one error of the tree out. The only room that knows requests."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import http.cookiejar
import random
import secrets
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

import requests
import urllib3.exceptions

from .. import errors
from .._version import __version__
from ..credits import Credits
from . import settings
from .credentials import Secret
from .responses import Answer, parse_response

USER_AGENT = f"evolink-nb/{__version__} python-requests/{requests.__version__}"
MAX_BODY = 1 << 20
"""Bytes of an answer that are read at most; a reading is about 250."""
CLOSE_GRACE = 0.2
"""Seconds at most that closing a client waits for a request that was given up to let its connection go."""
MAX_TIMEOUT = 86_400.0
"""Seconds that one attempt may be allowed at most; sockets and locks can't count to infinity."""
RETRY_DELAYS = (0.1, 0.4)
"""Seconds before the second and the third try of one read; up to half as much again at random."""


class BearerAuth(requests.auth.AuthBase):
    """Puts a key into a request's ``Authorization`` header.

    An auth object and not a plain header, because requests lets ``~/.netrc`` replace a plain one.
    """

    def __init__(self, key: Secret) -> None:
        """Hold ``key`` for the header."""
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Give ``request`` with the header set."""
        request.headers["Authorization"] = _Header(f"Bearer {self._key.reveal()}")
        return request


class EvoLinkClient:
    """Reads the balance of one key over one kept-alive connection.

    ``timeout`` is the most seconds one attempt takes in all, name look-up, connecting and the last byte
    included. Raises `ConfigurationError` when there is no key, or the key or base URL can't be used.
    """

    def __init__(
        self,
        api_key: str | Secret | None = None,
        *,
        base_url: str | None = None,
        timeout: float = settings.TIMEOUT,
    ) -> None:
        """Take the key and the base URL given, else look for them where `settings` says."""
        try:
            key = Secret(api_key) if isinstance(api_key, str) else api_key
        finally:
            del api_key  # tracebacks can print a frame's variables
        if not 0 < timeout <= MAX_TIMEOUT:
            raise errors.ConfigurationError(
                f"timeout must be more than 0 seconds and at most {MAX_TIMEOUT:g}, not {timeout}."
            )
        found = settings.connection(key, base_url=base_url)
        self.base_url = found.base_url
        self.timeout = timeout
        self.auth = BearerAuth(found.key)
        """An auth object for requests, so that an experiment can use this key without seeing it."""
        self.identity = _identity(found)
        """Equal for two clients of this process exactly when base URL and key are; tells neither."""
        self._key_source = found.source
        self._redact = found.key.redact
        self._url = f"{found.base_url}/v1/credits"
        self._closing = threading.Event()
        self._under_way: dict[threading.Event, _RequestThread] = {}
        self._session = requests.Session()
        # No cookie is kept: a server may put into one what it was sent.
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=()))
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json"})
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _Adapter())
        # A proxy from the environment would be handed a loopback server's key in the clear.
        self._session.trust_env = found.base_url.startswith("https://")
        # Prepared once, without the key, which joins a copy of it for the time of one request.
        self._request = self._session.prepare_request(requests.Request("GET", self._url, auth=_no_key))

    def __repr__(self) -> str:
        # Tracebacks that show variables also print a client that could not be made.
        made = vars(self)
        return f"EvoLinkClient(base_url={made.get('base_url')!r}, key from {made.get('_key_source')})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and give up a read under way; a later read opens another."""
        self._closing.set()
        under_way = list(self._under_way.items())
        for done, worker in under_way:
            done.set()
            worker.cancel()
        # A connection that came back to a closed session would be left open.
        for _, worker in under_way:
            worker.wait_for_end()
        self._session.close()

    def get_credits(self) -> Credits:
        """Read the balance now.

        A broken connection, a 502 and a 503 are tried again at once, at most twice. Raises
        `APIConnectionError`, `APITimeoutError`, an `APIStatusError` by status, or `InvalidResponseError`.
        """
        self._closing.clear()
        outcome = self._attempt()
        for pause in RETRY_DELAYS:
            if isinstance(outcome, Credits) or not _is_retryable(outcome):
                break
            if self._closing.wait(pause * random.uniform(1.0, 1.5)):  # noqa: S311 - jitter, not secrecy
                break
            outcome = self._attempt()
        if isinstance(outcome, Credits):
            return outcome
        # Raised here and not where the cause was caught: an exception of requests holds the request,
        # the request the key, and a cause hangs on the error it leads to.
        raise outcome

    def _attempt(self) -> Credits | errors.EvoLinkError:
        """Give what one request brought, after `timeout` seconds at most.

        The request has a thread of its own: nothing in requests bounds a name look-up or an answer that
        drips, and a person's interrupt must not unwind through frames whose variables hold the key.
        """
        outcomes: list[Credits | errors.EvoLinkError] = []
        done = threading.Event()

        def work() -> None:
            try:
                outcomes.append(self._exchange())
            finally:
                done.set()

        worker = _RequestThread(work)
        self._under_way[done] = worker
        try:
            # Within try: starting waits for the thread, and a person's interrupt can come just then.
            worker.start()
            done.wait(self.timeout)
        finally:
            self._under_way.pop(done, None)
            # Looked up once: what a request reports after it was cut off is not what the server said.
            outcome = outcomes[0] if outcomes else None
            if outcome is None:
                worker.cancel()
        # Being cut off may have been reported before this thread had its turn.
        if self._closing.is_set() and (outcome is None or isinstance(outcome, errors.APIConnectionError)):
            return errors.APIConnectionError("The read was given up: its client was closed.")
        return self._timed_out() if outcome is None else outcome

    def _exchange(self) -> Credits | errors.EvoLinkError:
        try:
            options = self._session.merge_environment_settings(self._url, {}, True, None, None)
            request = self.auth(self._request.copy())
            # No redirect is followed: the key belongs to this host.
            response = self._session.send(request, timeout=self.timeout, allow_redirects=False, **options)
            with response:
                return parse_response(_receive(response), self._redact)
        except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
            return self._timed_out()
        except Exception as error:  # noqa: BLE001 - whatever it is, it saw the key and must not get out
            return errors.APIConnectionError(
                f"No answer from {self.base_url}: {_cause(error)}.",
                hint=f"Check the network, a proxy or VPN, and {settings.BASE_URL_VARIABLE}.",
            )

    def _timed_out(self) -> errors.APITimeoutError:
        return errors.APITimeoutError(
            f"No answer from {self.base_url} within {self.timeout:g} s.",
            hint="Try again, or allow more time with timeout=.",
        )


class _Header(str):
    """A header's value that tracebacks which print variables don't show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'Bearer …'"


def _no_key(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand in for the auth object while a request is prepared: with none, netrc would be read."""
    return request


def _receive(response: requests.Response) -> Answer:
    """Take in the answer, its body up to `MAX_BODY` bytes."""
    read_at, body, problem = datetime.now(UTC), b"", None
    try:
        body = response.raw.read(MAX_BODY + 1, decode_content=True)
    except urllib3.exceptions.TimeoutError:
        raise
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError):
        problem = "it was cut short"
    if len(body) > MAX_BODY:
        body, problem = b"", f"it is larger than {MAX_BODY:,} bytes"
        response.raw.close()  # draining the rest to keep the connection would cost more than a new one
    return Answer(response.status_code, response.headers, body, read_at, problem)


def _is_retryable(error: errors.EvoLinkError) -> bool:
    """Tell whether asking again at once is likely to help and does no harm."""
    if isinstance(error, errors.ServerError):
        return error.status in {502, 503}
    return isinstance(error, errors.APIConnectionError) and not isinstance(error, errors.APITimeoutError)


def _cause(error: BaseException) -> str:
    """Say what broke in our own words: the exception's may hold a header or a proxy's password."""
    chain: list[object] = [error]
    for link in chain:  # grows while it is walked
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


_salt = secrets.token_bytes(16)


def _identity(found: settings.Connection) -> str:
    seen = f"{found.base_url}\n{found.key.reveal()}".encode()
    return hashlib.blake2b(seen, key=_salt, digest_size=12).hexdigest()


class _RequestThread(threading.Thread):
    """The thread of one request, that can be made to end early."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(target=work, name="evolink-nb-request", daemon=True)
        self._socket: socket.socket | None = None
        self._given_up = False

    def use(self, connected: socket.socket) -> None:
        """Note the socket that the request goes over."""
        # The order here and in cancel leaves no moment in which a socket escapes both.
        self._socket = connected
        if self._given_up:
            self._cut(connected)

    def cancel(self) -> None:
        """Cut the request's connection, now or once there is one; that ends a read that would go on."""
        self._given_up = True
        if self._socket is not None:
            self._cut(self._socket)

    def wait_for_end(self) -> None:
        """Wait a moment for it to end; a look-up of a name or a handshake may take longer."""
        with contextlib.suppress(RuntimeError):  # it has not begun, or this is it
            self.join(CLOSE_GRACE)

    @staticmethod
    def _cut(connected: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it ended by itself meanwhile
            connected.shutdown(socket.SHUT_RDWR)


class _Adapter(requests.adapters.HTTPAdapter):
    """The usual adapter, whose connections tell the request's thread which socket they use."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if not getattr(pool.ConnectionCls, "tells_its_socket", False):
            pool.ConnectionCls = _telling(pool.ConnectionCls)
        return pool


def _telling(base: Any) -> Any:
    class TellingConnection(base):  # type: ignore[misc]  # http's or https's, the pool knows which
        tells_its_socket = True

        def connect(self) -> None:
            super().connect()
            self._tell()

        def request(self, *args: Any, **kwargs: Any) -> Any:
            if self.sock is not None:  # kept alive from an earlier request
                self._tell()
            return super().request(*args, **kwargs)

        def _tell(self) -> None:
            # Told now: a connection that is to close after its answer lets go of its socket before that.
            thread = threading.current_thread()
            if isinstance(thread, _RequestThread):
                thread.use(self.sock)

    return TellingConnection
