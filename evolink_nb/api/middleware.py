"""`EvoLinkClient.middleware`: does for calls of aiohttp what `auth` does for those of requests and httpx.

aiohttp takes no auth object but its own; since 3.12 it takes middlewares, which are mere functions: nothing
of it is imported here.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from .auth import begin_awaited, is_lookup
from .bearer import HIDDEN, hide_in_frames
from .calls import Call, calls
from .receipts import MAX_BODY, may_hold_receipt, receipt_of

if TYPE_CHECKING:
    from .credentials import Secret

_PORTS = {"http": 80, "https": 443}


class GuardedMiddleware:
    """Puts the key into requests to one API, and lets `calls` know of each call before it is sent."""

    def __init__(self, key: Secret, identity: str, base_url: str) -> None:
        """Prepare a middleware.

        Args:
            key: The key.
            identity: The identity of its client.
            base_url: The API's base URL.
        """
        self._key = key
        self._identity = identity
        self._origin = _origin(base_url)

    async def __call__(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """Send a request of aiohttp; with the key, if it is for the API. aiohttp calls this.

        Args:
            request: The request.
            handler: Sends it.

        Raises:
            BudgetExceeded: A budget that the call is under is spent.
        """
        url = str(request.url)
        if _origin(url) != self._origin:
            return await handler(request)  # aiohttp follows redirects through here, too
        call = None if is_lookup(request.method, url) else await begin_awaited(self._identity)
        try:
            response = await self._send(request, handler)
            if call is not None:
                await _observe(call, response)
        except BaseException:
            if call is not None:
                calls.end(call)
            raise
        return response

    async def _send(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        try:
            request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
            return await handler(request)
        except BaseException:
            hide_in_frames(self._key, sys.exception())
            raise
        finally:
            # What aiohttp shows of a request, also in errors, shows its headers as they are now.
            request.headers["Authorization"] = HIDDEN

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: the key is not shown>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("the middleware of a client holds its key, and is not pickled")


async def _observe(call: Call, response: Any) -> None:
    """End a call with its answer, which the caller may still read."""
    status = response.status
    length = response.content_length
    if may_hold_receipt(status, response.headers.get("Content-Type")) and (length or 0) <= MAX_BODY:
        # aiohttp keeps it for the caller.
        calls.end(call, reserved=receipt_of(status, await response.read()))
        return
    # One that is dropped unread is never heard of again.
    weakref.finalize(response, calls.abandon, call).atexit = False
    response.content.on_eof(lambda: calls.end(call, reserved=receipt_of(status, None)))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
