"""`EvoLinkClient.auth`: adds the key to an experiment's own calls, and reports them to `calls`.

requests accepts any callable as an auth object, httpx (and so OpenAI's SDK) only its own class. A program
that passes one to httpx has imported httpx, so `auth_class` looks for it among the imported modules and
imports nothing itself: users of requests alone don't wait for httpx.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import requests

from .answers import observe_httpx, observe_requests, with_bases
from .bearer import Header, hide_in_frames
from .calls import Call, calls
from .sending import Sending, Threads

if TYPE_CHECKING:
    from .credentials import Secret

HTTPX = ("httpx", "httpx2")
"""httpx, and the name under which newer versions of OpenAI's SDK include it."""
LOOKUPS = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods that only look something up and spend nothing."""
PATIENCE = 30.0
"""The longest a refused call waits for calls under way on the same event loop, in seconds."""
PAUSE = 0.02

Request = TypeVar("Request")


class GuardedAuth(requests.auth.AuthBase):
    """Adds the key to calls by requests and httpx, and reports each call to `calls` before it is sent.

    A spent budget refuses a call at that moment: `BudgetExceeded` is raised in the caller's thread or task,
    and nothing is sent. A look-up (GET) is not a call: it fetches what has been paid for already.
    """

    def __init__(self, key: Secret, identity: str) -> None:
        """Prepare an auth object.

        Args:
            key: The key.
            identity: The identity of its client.
        """
        self._key = key
        self._identity = identity
        self._threads = Threads()

    def __call__(self, request: Request) -> Request:
        """Begin a call, and add the key to its request; requests calls this.

        Args:
            request: The request that is about to be sent.

        Raises:
            BudgetExceeded: A budget that the call is under is spent.
        """
        prepared: Any = request
        if is_lookup(prepared.method, str(prepared.url)):
            prepared.headers["Authorization"] = Header.of(self._key)
            return request
        sending = Sending(self._identity, self._threads)
        sending.begin()
        # Nothing reports a request that fails.
        weakref.finalize(request, sending.abandon).atexit = False
        prepared.headers["Authorization"] = Header.of(self._key, on_send=sending.begin_again)
        if isinstance(request, requests.PreparedRequest):
            hook = functools.partial(observe_requests, sending)
            request.register_hook("response", hook)  # type: ignore[no-untyped-call]
        return request

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """Send a request of httpx with the key; httpx calls this.

        Args:
            request: The request.

        Raises:
            BudgetExceeded: A budget that the call is under is spent.
        """
        call = None if is_lookup(request.method, str(request.url)) else self._begin()
        yield from self._flow(request, call)

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Send a request of httpx with the key; httpx calls this.

        Args:
            request: The request.

        Raises:
            BudgetExceeded: A budget that the call is under is spent.
        """
        call = None if is_lookup(request.method, str(request.url)) else await begin_awaited(self._identity)
        flow = self._flow(request, call)
        response = None
        try:
            with contextlib.suppress(GeneratorExit):
                response = yield next(flow)
            with contextlib.suppress(StopIteration):
                flow.send(response)
        finally:
            flow.close()

    def _flow(self, request: Any, call: Call | None) -> Generator[Any, Any, None]:
        answered = False
        response = None
        try:
            request.headers["Authorization"] = Header.of(self._key)
            with contextlib.suppress(GeneratorExit):
                response = yield request
            if response is None:
                # httpx closes the flow of a failed call while it handles the exception.
                hide_in_frames(self._key, sys.exception())
            elif call is not None:
                observe_httpx(call, response)
                answered = True
        finally:
            if call is not None and not answered:
                calls.end(call)

    def _begin(self) -> Call:
        calls.prepare(self._identity)
        return calls.begin(self._identity)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: the key is not shown>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("the auth object of a client holds its key, and is not pickled")


def is_lookup(method: str | None, url: str) -> bool:
    """Return whether a request only looks something up, such as the state of a task.

    Args:
        method: The HTTP method.
        url: The URL. Only below ``/v1/`` are look-ups known to spend nothing.
    """
    return (method or "").upper() in LOOKUPS and "/v1/" in urlsplit(url).path


def auth_class() -> type[GuardedAuth]:
    """Return the class of auth objects, derived from httpx's own if httpx has been imported."""
    found = [getattr(sys.modules.get(name), "Auth", None) for name in HTTPX]
    return with_bases(GuardedAuth, *(base for base in found if isinstance(base, type)))


async def begin_awaited(identity: str) -> Call:
    """Begin a call; if it is refused, raise only after the calls under way on this event loop have ended.

    The exception may end the event loop, and with it the tasks that wait for answers already paid for.

    Args:
        identity: The identity of its client.

    Returns:
        The call; pass it to `calls.end`.

    Raises:
        BaseException: It was refused, such as with `BudgetExceeded`: send nothing.
    """
    await calls.prepare_async(identity)
    try:
        call = calls.begin(identity)
    except BaseException:
        await _end_of_others(identity)
        raise
    call.is_awaited = True
    return call


async def _end_of_others(identity: str) -> None:
    """Wait until the calls that are under way on the running event loop have ended."""
    try:
        asyncio.current_task()
    except RuntimeError:
        return  # another library's loop, which can't be waited on here
    deadline = time.monotonic() + PATIENCE
    thread = threading.get_ident()
    here = [call for call in calls.under_way(identity) if call.is_awaited and call.thread == thread]
    while any(call.is_under_way for call in here) and time.monotonic() < deadline:
        await asyncio.sleep(PAUSE)
        calls.under_way(identity)
    # Let the tasks receive their answers.
    await asyncio.sleep(0)
