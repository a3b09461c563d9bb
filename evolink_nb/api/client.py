"""`EvoLinkClient`: one request in, one `Credits` or one error of the tree out."""

from __future__ import annotations

import hashlib
import random
import secrets
from dataclasses import dataclass
from functools import partial
from typing import Self

import requests

from .. import errors
from .._version import __version__
from ..credits import Credits
from . import settings
from .credentials import Secret
from .responses import parse_response
from .transport import BoundedSession

USER_AGENT = f"evolink-nb/{__version__} python-requests/{requests.__version__}"
MAX_TIMEOUT = 86_400.0
"""Seconds that one attempt may be allowed at most; sockets and locks can't count to infinity."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a client waits between its attempts, and as it is closed.

    Attributes:
        retry_delays: Seconds before the second try, the third, and so on; up to half as much again at random.
            As many tries follow a first one as there are delays.
        close_grace: Seconds that closing waits at most for a cancelled request to let its connection go.
    """

    retry_delays: tuple[float, ...] = (0.1, 0.4)
    close_grace: float = 0.2


class BearerAuth(requests.auth.AuthBase):
    """Puts a key into a request's ``Authorization`` header.

    An auth object and not a plain header, because requests lets ``~/.netrc`` replace a plain one.
    """

    def __init__(self, key: Secret) -> None:
        """Hold ``key`` for the header."""
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return ``request`` with the header set."""
        request.headers["Authorization"] = _Header(f"Bearer {self._key.reveal()}")
        return request


class EvoLinkClient:
    """Reads the balance of one key over a kept-alive connection.

    It may be used from several threads at once, and by a forked child, which opens connections of its own.

    Attributes:
        base_url: The base URL that is read.
        timeout: Seconds that one attempt may take in all.
        auth: An auth object for requests, so that an experiment can use this key without seeing it.
        identity: Equal for two clients of this process exactly when their base URL and their key are; neither
            can be found out from it.
    """

    def __init__(
        self,
        api_key: str | Secret | None = None,
        *,
        base_url: str | None = None,
        timeout: float = settings.TIMEOUT,
        timing: Timing | None = None,
    ) -> None:
        """Make a client; nothing is sent.

        Args:
            api_key: The key. By default the one entered with ``%evolink_login``, else that in
                ``EVOLINK_API_KEY``, in Colab's secrets or in the system keyring.
            base_url: Where the API is. By default ``EVOLINK_BASE_URL``, else ``https://api.evolink.ai``.
            timeout: The most seconds one attempt takes in all, name look-up, connecting and the last byte
                included.
            timing: Other pauses than the default ones.

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
        self.auth = BearerAuth(found.key)
        self.identity = _identity(found)
        self._key_source = found.source
        self._timing = timing or Timing()
        self._session: BoundedSession[Credits | errors.EvoLinkError] = BoundedSession(
            found.base_url,
            "/v1/credits",
            auth=self.auth,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            parse=partial(parse_response, redact=found.key.redact),
            close_grace=self._timing.close_grace,
        )

    def __repr__(self) -> str:
        # Tracebacks that show variables also print a client that could not be made.
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

        A broken connection, a 502 and a 503 are tried again at once, at most twice.

        Returns:
            The reading.

        Raises:
            APIConnectionError: There was no answer, or the client was closed meanwhile.
            APITimeoutError: There was no answer in time.
            APIStatusError: The answer is an error; its class tells which.
            InvalidResponseError: The answer can't be read.
        """
        closed = self._session.closed
        outcome = self._session.get(self.timeout, closed)
        for delay in self._timing.retry_delays:
            if isinstance(outcome, Credits) or not _is_retryable(outcome):
                break
            if closed.wait(delay * random.uniform(1.0, 1.5)):  # noqa: S311 - jitter, not secrecy
                break
            outcome = self._session.get(self.timeout, closed)
        if isinstance(outcome, Credits):
            return outcome
        # Raised here and not where the cause was caught: an exception of requests holds the request,
        # the request the key, and a cause hangs on the error it leads to.
        raise outcome


class _Header(str):
    """A header's value that tracebacks which print variables don't show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'Bearer …'"


def _is_retryable(error: errors.EvoLinkError) -> bool:
    """Return whether asking again at once is likely to help and does no harm."""
    if isinstance(error, errors.ServerError):
        return error.status in {502, 503}
    return isinstance(error, errors.APIConnectionError) and not isinstance(error, errors.APITimeoutError)


_salt = secrets.token_bytes(16)


def _identity(found: settings.Connection) -> str:
    seen = f"{found.base_url}\n{found.key.reveal()}".encode()
    return hashlib.blake2b(seen, key=_salt, digest_size=12).hexdigest()
