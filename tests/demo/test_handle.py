"""The simulated API as a function: no socket, no thread, and the same responses as over HTTP."""

from __future__ import annotations

import decimal
import json
import socket
import threading
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolink_nb.demo import DEMO_HEADER, Account, DemoServer, Fault
from evolink_nb.demo.api import MAX_BODY, ROUTES, SPENDING_ROUTES, Api
from evolink_nb.demo.faults import DRIP_SECONDS, FAULT_ROUTES, Faults
from evolink_nb.demo.messages import Request, Response
from evolink_nb.metering.attribution.work import MIN_CALL_SECONDS
from tests.support.caller import CREDITS, Caller
from tests.support.clock import SteppedClock

IMAGES = "/v1/images/generations"
IMAGE = {"model": "any", "prompt": "a lighthouse", "n": 3}
CHAT = {"model": "any", "messages": [{"role": "user", "content": "Tell me about lighthouses."}]}


@pytest.fixture
def api() -> Api:
    return Api(Account(shortfall_rate=0, failure_rate=0))


def call(api: Api, method: str = "GET", target: str = CREDITS, body: object = None) -> Response:
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return api.handle(Request(method, target, (("Authorization", f"Bearer {api.key}"),), content))


def content(response: Response) -> Any:
    return json.loads(response.body, parse_float=Decimal)


def test_no_socket_or_thread_is_needed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(socket.socket, "__init__", refuse)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    task = content(call(api, "POST", IMAGES, IMAGE))
    assert call(api, "POST", "/demo/settle").status == 200
    detail = content(call(api, target=f"/v1/tasks/{task['id']}"))
    assert detail["status"] == "completed"
    picture = call(api, target=detail["results"][0].removeprefix("http://127.0.0.1"))
    assert picture.body.startswith(b"\x89PNG\r\n")
    assert content(call(api))["data"] == api.account.balance()


def test_responses_are_marked_unless_asked(api: Api) -> None:
    assert dict(call(api).headers)[DEMO_HEADER] == "simulated"
    assert DEMO_HEADER not in dict(call(Api(marked=False)).headers)


def test_log_counts_direct_calls(api: Api) -> None:
    call(api)
    call(api, target="/nowhere")
    assert api.log.counts == {CREDITS: 1, "unknown": 1}
    assert api.key not in repr(api.log.latest)


def test_large_direct_body_is_refused(api: Api) -> None:
    assert api.handle(Request("POST", IMAGES, body=b" " * (MAX_BODY + 1))).status == 413


@pytest.mark.parametrize("connection", ["close", "reset"])
def test_connection_fault_spends_nothing(api: Api, connection: str) -> None:
    api.faults.switch_on(Fault(path=IMAGES, connection=connection, times=1))
    response = call(api, "POST", IMAGES, IMAGE)
    assert (response.status, response.delivery.connection) == (0, connection)
    assert api.account.outstanding == 0
    assert call(api, "POST", IMAGES, IMAGE).status == 200


def test_delivery_tells_what_http_cannot(api: Api) -> None:
    """A late, cut or slow response is whole and at once for a function, and says how it travels."""
    whole = call(api).body
    api.faults.switch_on(Fault(latency=600, times=1))
    api.faults.switch_on(Fault(body="cut", times=1))
    api.faults.switch_on(Fault(body="slow", times=1))
    late, cut, slow = (call(api) for _ in range(3))
    assert late.delivery.delay == 600
    assert cut.delivery.cut
    assert slow.delivery.byte_interval == DRIP_SECONDS
    assert {late.body, cut.body, slow.body} == {whole}


@pytest.mark.parametrize("path", sorted(SPENDING_ROUTES))
def test_spending_calls_take_their_time(api: Api, path: str) -> None:
    """Meters take work for too short to spend by its waits, which seem shorter on a busy machine."""
    assert api.latency_of(Request("POST", path), None) >= 3 * MIN_CALL_SECONDS
    assert api.latency_of(Request("GET", CREDITS), None) == 0


def test_refusal_lasts_so_many_seconds() -> None:
    clock = SteppedClock()
    api = Api(faults=Faults(clock.monotonic))
    call(api, "POST", "/demo/fault", {"connection": "refuse", "seconds": 60})
    assert call(api).delivery.connection == "refuse"
    assert api.log.counts[CREDITS] == 0
    clock.seconds = 59.9
    assert call(api).delivery.connection == "refuse"
    clock.seconds = 60.0
    assert call(api).status == 200


def test_refusal_can_be_called_off(api: Api) -> None:
    call(api, "POST", "/demo/fault", {"connection": "refuse"})
    assert call(api).delivery.connection == "refuse"
    assert call(api, "DELETE", "/demo/fault").status == 200
    assert call(api).status == 200


def test_faults_can_be_on_every_real_route() -> None:
    assert set(FAULT_ROUTES) == {route for route in ROUTES if not route.startswith("/demo/")}


@pytest.mark.parametrize(
    "context",
    [
        decimal.Context(prec=3),
        decimal.Context(prec=28, traps=[decimal.Inexact, decimal.FloatOperation]),
        decimal.Context(prec=3, traps=[]),
    ],
    ids=["three digits", "traps", "no traps"],
)
def test_ambient_decimals_change_nothing(api: Api, context: decimal.Context) -> None:
    def spend() -> list[Response]:
        other = Api(Account(clock=lambda: 0.0, unix_time=lambda: 1_700_000_000.0))
        return [
            call(other, "POST", IMAGES, IMAGE),
            call(other, "POST", "/v1/chat/completions", CHAT),
            call(other, "POST", "/demo/spend", {"credits": 1.2345}),
            call(other, "POST", "/demo/top-up", {"credits": 1e10}),
            call(other, "POST", "/demo/top-up", b'{"credits": 1e99999999999999999999}'),
            call(other, "POST", "/demo/settle"),
            call(other),
        ]

    expected = spend()
    assert content(expected[-1])["data"]["user"]["remaining_credits"] != Decimal("1095.3996")
    with decimal.localcontext(context):
        assert spend() == expected
        api.account.spend("1.2345")
        api.account.reserve("7.7777")
        held = api.account.spendable()
    assert held == Decimal("1095.3996") - Decimal("9.0122")


@given(
    method=st.text(),
    target=st.text() | st.sampled_from(list(ROUTES)),
    headers=st.lists(st.tuples(st.sampled_from(["Authorization", "X"]), st.text())).map(tuple),
    body=st.binary(),
)
def test_any_request_has_a_response(
    method: str, target: str, headers: tuple[tuple[str, str], ...], body: bytes
) -> None:
    assert Api().handle(Request(method, target, headers, body)).status in {200, 400, 401, 404, 405}


# -- the same over HTTP --------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
# A fault that breaks the transfer or takes time has nothing to compare.
FAULTS = st.fixed_dictionaries(
    {"path": st.sampled_from(FAULT_ROUTES), "times": st.integers(1, 2)},
    optional={
        "status": st.sampled_from([401, 429, 500, 503, 599]),
        "retry_after": st.sampled_from([7, 0.5, "Wed, 21 Oct 2026 07:28:00 GMT"]),
        "body": st.sampled_from(["empty", "html", "unsuccessful", "empty-object"]),
        "text": st.text(),
        "redirect_to": st.just("http://127.0.0.1:9/elsewhere"),
    },
)
BODIES = (
    st.sampled_from([IMAGE, CHAT, {"credits": 1.36}, {"credits": 2, "key": "other"}, {"credits": 5000}])
    | FAULTS
    | JSON
).map(lambda body: json.dumps(body).encode()) | st.binary(max_size=20)
TARGETS = st.sampled_from(
    [*ROUTES, "//v1/credits", "/v1/credits?a=b", "/demo/results/a%2Fb.png", "*"]
) | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12).map("/".__add__)
METHODS = st.sampled_from(["GET", "POST", "POST", "PUT", "DELETE", "HEAD", "BREW"])
KEYS = st.sampled_from(["{key}", "{key}", "{key}-other", "wrong", "é"])
# Most requests ask for something that there is.
OPERATIONS = [(method, route) for route, operations in ROUTES.items() for method in operations]
REQUESTS = st.tuples(METHODS, TARGETS, KEYS, BODIES) | st.sampled_from(OPERATIONS).flatmap(
    lambda operation: st.tuples(*map(st.just, operation), st.just("{key}"), BODIES)
)
WAITS = st.floats(0, 2)


def over_http(server: DemoServer, request: Request) -> Response:
    """Send a request on a connection of its own."""
    with Caller(server) as caller:
        reply = caller.send(request.method, request.target, request.body, dict(request.headers))
    return Response(reply.status, tuple(sorted(reply.headers.items())), reply.body)


def directly(api: Api, request: Request) -> Response:
    """Return the function's response, as an HTTP client would show it: in small letters, no body for HEAD."""
    response = api.handle(request)
    headers = tuple(sorted((name.lower(), value) for name, value in response.headers))
    return Response(response.status, headers, b"" if request.method == "HEAD" else response.body)


@given(steps=st.lists(st.tuples(REQUESTS, WAITS), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_http_and_function_answer_alike(steps: list[tuple[tuple[str, str, str, bytes], float]]) -> None:
    clock = SteppedClock()
    accounts = [Account(clock=clock.monotonic, unix_time=lambda: 1_700_000_000.0) for _ in range(2)]
    with DemoServer(accounts[0]) as server:
        api = Api(accounts[1])
        for (method, target, key, body), wait in steps:
            clock.seconds += wait
            headers = (("Authorization", f"Bearer {key.format(key=api.key)}"),)
            request = Request(method, target, headers, body, server.url)
            sent, called = over_http(server, request), directly(api, request)
            assert (sent.status, sent.body) == (called.status, called.body)
            assert set(called.headers) <= set(sent.headers)
        assert accounts[0].balance() == accounts[1].balance()
        assert server.requests_seen == api.log.counts
