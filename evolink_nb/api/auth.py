"""`EvoLinkClient.auth`: puts the key into an experiment's own calls, and makes them known to `calls`.

requests takes any callable for an auth object, httpx (and so OpenAI's SDK) only its own kind. To pass one to
httpx a program has imported it, so `auth_class` looks for httpx among the imported modules and imports
nothing itself: whoever uses requests alone doesn't wait for httpx.
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
"""httpx, and the name under which newer versions of OpenAI's SDK bring it."""
LOOKUPS = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods that ask the API for what there is, and spend nothing."""
PATIENCE = 30.0
"""The longest that a refused call waits for those under way on the same event loop, in seconds."""
PAUSE = 0.02

Request = TypeVar("Request")


class GuardedAuth(requests.auth.AuthBase):
    """Puts the key into calls of requests and httpx, and lets `calls` know of each before it is sent.

    A budget that is spent refuses a call there and then: `BudgetExceeded` is raised in the caller's thread or
    task, and nothing is sent. Looking up what there is (GET) is no call: it fetches what has been paid for.
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
        """Return a request of requests with the key, once its call has begun.

        Args:
            request: The request, which is then sent.

        Raises:
            BudgetExceeded: A budget that the call is under is spent.
        """
        prepared: Any = request
        if is_lookup(prepared.method, str(prepared.url)):
            prepared.headers["Authorization"] = Header.of(self._key)
            return request
        sending = Sending(self._identity, self._threads)
        sending.begin()
        # A request that comes to nothing is never heard of again.
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
                # httpx closes a flow whose call has failed, while it handles what was raised.
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
    """Return whether a request only asks the API for what there is, such as the state of a task.

    Args:
        method: The HTTP method.
        url: The URL. Only what is below ``/v1/`` is known to spend nothing.
    """
    return (method or "").upper() in LOOKUPS and "/v1/" in urlsplit(url).path


def auth_class() -> type[GuardedAuth]:
    """Return the class of auth objects, which httpx takes for its own if it has been imported."""
    found = [getattr(sys.modules.get(name), "Auth", None) for name in HTTPX]
    return with_bases(GuardedAuth, *(base for base in found if isinstance(base, type)))


async def begin_awaited(identity: str) -> Call:
    """Begin a call, or raise once the calls under way on this loop have ended.

    What is raised may end the event loop, and with it the tasks that wait for answers that are paid for.

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
    # Let the tasks take their answers.
    await asyncio.sleep(0)
