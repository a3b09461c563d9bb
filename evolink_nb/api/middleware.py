"""`EvoLinkClient.middleware`: does for aiohttp what `auth` does for requests and httpx.

aiohttp accepts only its own auth objects. Since 3.12 it also accepts middlewares, which are plain callables,
so nothing from aiohttp is imported here.
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
    """Adds the key to requests to one API, and reports each call to `calls` before it is sent."""

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
        """Send a request of aiohttp, with the key if it goes to the API; aiohttp calls this.

        Args:
            request: The request.
            handler: Sends it.

        Raises:
            BudgetExceeded: A budget that the call is under is spent.
        """
        url = str(request.url)
        if _origin(url) != self._origin:
            return await handler(request)  # such as a redirect, which aiohttp also sends through here
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
            # aiohttp's errors and objects show the request's headers as they are from now on.
            request.headers["Authorization"] = HIDDEN

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: the key is not shown>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("the middleware of a client holds its key, and is not pickled")


async def _observe(call: Call, response: Any) -> None:
    """End a call with its answer; the caller can still read the body."""
    status = response.status
    length = response.content_length
    if may_hold_receipt(status, response.headers.get("Content-Type")) and (length or 0) <= MAX_BODY:
        # aiohttp keeps the body for the caller.
        calls.end(call, reserved=receipt_of(status, await response.read()))
        return
    # Nothing reports a response that is dropped unread.
    weakref.finalize(response, calls.abandon, call).atexit = False
    response.content.on_eof(lambda: calls.end(call, reserved=receipt_of(status, None)))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
