"""`EvoLinkClient`: one request in, one `Credits` or one error out."""

from __future__ import annotations

import asyncio
import hashlib
import random
import secrets
import threading
from dataclasses import dataclass
from functools import partial
from typing import Self

import requests

from .. import errors, runtime
from .._version import __version__
from ..credits import Credits
from ..thread_time import own_wait
from . import settings
from .adapters import session_for
from .auth import GuardedAuth, auth_class
from .bearer import BearerAuth
from .credentials import Secret
from .freshness import ServerClock
from .middleware import GuardedMiddleware
from .responses import parse_response
from .transport import BoundedSession, not_started

_THREAD = "evolink-nb-read"
USER_AGENT = f"evolink-nb/{__version__} python-requests/{requests.__version__}"
MAX_TIMEOUT = 86_400.0
"""The longest timeout allowed, in seconds; sockets and locks don't accept every float."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a client waits between attempts and when closing.

    Attributes:
        retry_delays: Seconds before the second attempt, the third and so on, each randomly lengthened by up
            to half. There are as many retries as delays.
        close_grace: The longest closing waits for a cancelled request to release its connection, in seconds.
    """

    retry_delays: tuple[float, ...] = (0.1, 0.4)
    close_grace: float = 0.2


class EvoLinkClient:
    """Reads the balance of one key over a kept-alive connection.

    It may be used from several threads at once, and in a forked child, which opens its own connections.

    Attributes:
        base_url: The base URL.
        timeout: Seconds that one attempt may take in all.
        identity: The same for two clients of this process exactly when they have the same base URL and key;
            reveals neither.
    """

    def __init__(
        self,
        api_key: str | Secret | None = None,
        *,
        base_url: str | None = None,
        timeout: float = settings.TIMEOUT,
        timing: Timing | None = None,
    ) -> None:
        """Create a client; nothing is sent.

        Args:
            api_key: The key. By default the one entered with ``%evolink_login``, else the one in
                ``EVOLINK_API_KEY``, Colab's secrets or the system keyring.
            base_url: The API's base URL. By default ``EVOLINK_BASE_URL``, else ``https://api.evolink.ai``.
            timeout: Seconds that one attempt may take in all, from the name look-up to the last byte.
            timing: Pauses that differ from the default ones.

        Raises:
            ConfigurationError: There is no key, or the key, the base URL or the timeout can't be used.
        """
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
        self.identity = identity_of(found)
        self._key = found.key
        self._auth: GuardedAuth | None = None
        self._key_source = found.source
        self._timing = timing or Timing()
        self._session: BoundedSession[Credits | errors.EvoLinkError] = BoundedSession(
            found.base_url,
            "/v1/credits",
            # Not `auth`: readings spend nothing.
            auth=BearerAuth(found.key),
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            parse=partial(parse_response, redact=found.key.redact, clock=ServerClock()),
            close_grace=self._timing.close_grace,
        )

    @property
    def auth(self) -> GuardedAuth:
        """An auth object for requests and httpx: an experiment can use this key without seeing it.

        Calls made with it are *guarded*: a spent budget refuses them by raising `BudgetExceeded` before
        anything is sent.
        """
        kind = auth_class()
        if not isinstance(self._auth, kind):
            self._auth = kind(self._key, self.identity)
        return self._auth

    @property
    def middleware(self) -> GuardedMiddleware:
        """A middleware for aiohttp 3.12 or newer: does for aiohttp what `auth` does for requests and httpx.

        Pass it to a session: ``aiohttp.ClientSession(middlewares=[client.middleware])``. Only requests to
        ``base_url`` get the key.
        """
        return GuardedMiddleware(self._key, self.identity, self.base_url)

    def session(self) -> requests.Session:
        """Return a new requests session for an experiment's own calls; pass `auth` to them.

        It is an ordinary session. Only a notebook that must also run in a browser needs it: there it reaches
        the simulated account, which no socket can.
        """
        return session_for(self.base_url)

    def fingerprint(self, salt: bytes) -> str:
        """Return a text that identifies the base URL and key in a database and reveals neither.

        Args:
            salt: The database's own.
        """
        return self._key.fingerprint(salt, self.base_url)

    def redact(self, text: str) -> str:
        """Return a text with every occurrence of the key replaced by "[key]".

        Args:
            text: The text.
        """
        return self._key.redact(text)

    def __repr__(self) -> str:
        # Attributes may be missing: tracebacks that show variables also print a half-created client.
        made = vars(self)
        return f"EvoLinkClient(base_url={made.get('base_url')!r}, key from {made.get('_key_source')})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and cancel a read in flight; a later read opens another connection."""
        self._session.close()

    def get_credits(self) -> Credits:
        """Read the balance now.

        A broken connection, a 502 or a 503 is retried at once, at most twice, unless the server asks to wait.

        Returns:
            The reading.

        Raises:
            APIConnectionError: There was no response, or the client was closed meanwhile.
            APITimeoutError: There was no response in time.
            APIStatusError: The response is an error; its class says which.
            InvalidResponseError: The response can't be parsed.
        """
        with own_wait():
            return self._read(threading.Event())

    async def get_credits_async(self) -> Credits:
        """Read the balance now, without blocking the event loop.

        This is `get_credits` in a thread. Cancelling the task cuts the connection of its own request only.

        Returns:
            The reading.

        Raises:
            EvoLinkError: As for `get_credits`.
        """
        cancelled = threading.Event()
        try:
            return await runtime.run_async(partial(self._read, cancelled), name=_THREAD)
        except asyncio.CancelledError:
            cancelled.set()
            self._session.cancel(cancelled)
            raise
        except RuntimeError as error:  # too many threads
            failure = not_started(error)
        raise failure

    def _read(self, cancelled: threading.Event) -> Credits:
        """Read until an answer needs no retry, or the read is cancelled."""
        closed = self._session.closed
        outcome = self._session.get(self.timeout, closed, cancelled)
        for delay in self._timing.retry_delays:
            if isinstance(outcome, Credits) or not _is_retryable(outcome) or cancelled.is_set():
                break
            if runtime.wait_for(closed, delay * random.uniform(1.0, 1.5)):  # noqa: S311 - jitter, not secrecy
                break
            outcome = self._session.get(self.timeout, closed, cancelled)
        if isinstance(outcome, Credits):
            return outcome
        # Raised here and not where the cause was caught: Python would attach the cause, and an exception of
        # requests holds the request, and with it the key.
        raise outcome


def _is_retryable(error: errors.EvoLinkError) -> bool:
    """Return whether an immediate retry is likely to help and is harmless."""
    if isinstance(error, errors.ServerError):
        return error.status in {502, 503} and not error.asks_to_wait
    return isinstance(error, errors.APIConnectionError) and not isinstance(error, errors.APITimeoutError)


_salt = secrets.token_bytes(16)


def client_for(found: settings.Connection) -> EvoLinkClient:
    """Return a new client for a connection.

    Args:
        found: The connection.
    """
    client = EvoLinkClient(found.key, base_url=found.base_url)
    client._key_source = found.source
    return client


def identity_of(found: settings.Connection) -> str:
    """Return the `EvoLinkClient.identity` of a connection's clients.

    Args:
        found: The connection.
    """
    seen = f"{found.base_url}\n{found.key.reveal()}".encode()
    return hashlib.blake2b(seen, key=_salt, digest_size=12).hexdigest()
