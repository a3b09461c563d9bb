"""The simulated API as a function of method, path, headers and body: no socket, no thread.

    api = Api(Account())
    response = api.handle(Request("GET", "/v1/credits", (("Authorization", f"Bearer {api.key}"),)))

`DemoServer` serves it over HTTP on loopback; any other transport can use it too.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import localcontext
from urllib.parse import unquote

from . import control, operations
from .account import OWN_KEY, SEED, Account
from .balances import EXACT
from .faults import CREDITS_ROUTE, Fault, Faults
from .messages import (
    DEMO_HEADER,
    DEMO_HEADER_VALUE,
    Delivery,
    Headers,
    RefusedError,
    Request,
    Response,
    error_response,
)
from .operations import RESULT_ROUTE, Call
from .request_log import RequestLog

logger = logging.getLogger(__name__)

DEMO_KEY_PREFIX = "sk-evo-demo-"
"""The prefix of every simulated account's key."""

MAX_BODY = 1024 * 1024
"""The most bytes of a request body that are accepted; a longer body is refused with 413."""

UNKNOWN_ROUTE = "unknown"
"""Stands for every path that is not a route."""

FAULT_ROUTE = "/demo/fault"

Operation = Callable[[Call], Response]

ROUTES: Mapping[str, Mapping[str, Operation]] = {
    CREDITS_ROUTE: {"GET": operations.credits_usage},
    "/v1/images/generations": {"POST": operations.generation("image")},
    "/v1/videos/generations": {"POST": operations.generation("video")},
    "/v1/audios/generations": {"POST": operations.generation("audio")},
    "/v1/tasks/{id}": {"GET": operations.task_detail},
    "/v1/chat/completions": {"POST": operations.chat_completion},
    FAULT_ROUTE: {"POST": control.switch_fault_on, "DELETE": control.clear_faults},
    "/demo/top-up": {"POST": control.top_up},
    "/demo/spend": {"POST": control.spend},
    "/demo/settle": {"POST": control.settle},
    "/demo/requests": {"GET": control.requests_seen},
    RESULT_ROUTE: {"GET": control.result},
}
"""The operation for each method and path."""

SPENDING_ROUTES = frozenset(
    {
        "/v1/images/generations",
        "/v1/videos/generations",
        "/v1/audios/generations",
        "/v1/chat/completions",
    }
)
MIN_SPENDING_LATENCY = 0.06
"""The fewest seconds before a response on these routes: no model answers sooner, and meters rely on that.
Well above their `MIN_CALL_SECONDS`: on a busy machine, a thread ready to run seems to compute."""

_OPEN_TO_ALL = frozenset({RESULT_ROUTE})


class Api:
    """The simulated API over an account, with its faults and a request log; thread-safe.

    Args:
        account: The account; by default a new one made from the seed.
        seed: Determines the account and the key, unless they are given.
        key: The API key that stands for the account's own key.
        marked: Whether responses are marked as simulated (`DEMO_HEADER`).
        faults: The faults that are switched on; by default a new object with none.
    """

    def __init__(
        self,
        account: Account | None = None,
        *,
        seed: int = SEED,
        key: str | None = None,
        marked: bool = True,
        faults: Faults | None = None,
    ) -> None:
        self.account = account or Account(seed=seed)
        self.key = key or _key_from(seed)
        self.faults = faults or Faults()
        self.log = RequestLog()
        self._marked = marked
        self._request_numbers = itertools.count(1)

    def key_of(self, name: str) -> str:
        """Return the API key that stands for one of the account's keys."""
        return self.key if name == OWN_KEY else f"{self.key}-{name}"

    def handle(self, request: Request) -> Response:
        """Return the response to a request that arrives on its own connection.

        It doesn't wait: `Response.delivery` says how late to send the response, and how.
        """
        if len(request.body) > MAX_BODY:
            return self.refuse(413)
        # The control operations stay reachable; otherwise no request could end the refusal.
        if self.faults.refusal and not route_of(request.target)[0].startswith("/demo/"):
            return Response(0, delivery=Delivery(connection="refuse"))
        return self.respond(request, self.admit(request))

    def receive(self, method: str, target: str, *, headers: Headers, body: bytes, base_url: str) -> Response:
        """Return the response to a request given as its parts; otherwise like `handle`.

        Args:
            method: Such as "GET".
            target: The path, possibly with a query.
            headers: Names and values.
            body: The whole body.
            base_url: The API's URL as seen by this client, without a trailing slash.
        """
        return self.handle(Request(method, target, headers, body, base_url))

    def admit(self, request: Request) -> Fault | None:
        """Record a request; return the fault that applies to it, after counting it as used.

        A transport that can wait does so before `respond`, for `latency_of` seconds, so that a late response
        is up to date when it is sent.
        """
        route, _ = route_of(request.target)
        self.log.record(route, request)
        return self.faults.take(route)

    def latency_of(self, request: Request, fault: Fault | None) -> float:
        """Return the seconds that a transport waits before `respond`, if it can."""
        is_spending = route_of(request.target)[0] in SPENDING_ROUTES
        return max(MIN_SPENDING_LATENCY if is_spending else 0.0, fault.latency if fault is not None else 0.0)

    def respond(self, request: Request, fault: Fault | None = None) -> Response:
        """Return the response to an admitted request, changed by the fault that applies to it."""
        if fault is not None and fault.connection is not None:
            # The request never reaches the API, and spends nothing.
            return fault.spoil(Response(0))
        with localcontext(EXACT):
            response = self._answer(request)
        return self._signed(response if fault is None else fault.spoil(response))

    def refuse(self, status: int) -> Response:
        """Return the documented error for something that can't be parsed as a request."""
        return self._signed(error_response(status))

    def forget_after_fork(self) -> None:
        """Make the API usable in a forked child: the parent's threads may have held a lock."""
        for part in (self.account, self.faults, self.log):
            part.forget_after_fork()

    def _answer(self, request: Request) -> Response:
        route, name = route_of(request.target)
        if route not in ROUTES:
            return error_response(404)
        operation = ROUTES[route].get(request.method)
        if operation is None:
            return error_response(405).with_headers(("Allow", ", ".join(ROUTES[route])))
        key = self._key_named_by(request.header("Authorization"))
        if key is None and route not in _OPEN_TO_ALL:
            return error_response(401)
        call = Call(self.account, self.faults, self.log, key or "", request.body, name, request.base_url)
        try:
            return operation(call)
        except RefusedError as refused:
            return refused.response
        except Exception:
            logger.debug("could not answer %s %s", request.method, route, exc_info=True)
            return error_response(500)

    def _key_named_by(self, authorization: str | None) -> str | None:
        scheme, _, credential = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        given = credential.strip().encode(errors="surrogatepass")
        for name in self.account.keys:
            if hmac.compare_digest(given, self.key_of(name).encode()):
                return name
        return None

    def _signed(self, response: Response) -> Response:
        mark = ((DEMO_HEADER, DEMO_HEADER_VALUE),) if self._marked else ()
        request_id = f"demo-{next(self._request_numbers):08d}"
        own = (("Cache-Control", "no-store"), *mark, ("x-request-id", request_id))
        return replace(response, headers=own + response.headers)


def route_of(target: str) -> tuple[str, str]:
    """Return the route of a request's target, and the value of the route's ``{}``."""
    path = target.partition("?")[0]
    if path.startswith("//"):
        # The standard library's HTTP server does the same.
        path = "/" + path.lstrip("/")
    if path in ROUTES and "{" not in path:
        return path, ""
    folder, _, last = path.rpartition("/")
    for route in ROUTES:
        if last and route.startswith(f"{folder}/{{"):
            return route, unquote(last)
    return UNKNOWN_ROUTE, ""


def _key_from(seed: int) -> str:
    digest = hashlib.sha256(f"evolink-nb-demo/{seed}".encode()).hexdigest()
    # The hyphens keep it from being mistaken for a real key.
    return DEMO_KEY_PREFIX + "-".join(digest[place : place + 8] for place in range(0, 32, 8))
