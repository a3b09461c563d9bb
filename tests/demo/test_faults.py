"""The faults of the simulated API: each arrives on the wire as a reader of the real one would meet it."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING, Any

import pytest

from evolink_nb.demo.faults import HUGE_BODY, InvalidFaultError
from tests.support.caller import CREDITS, Caller

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer


@pytest.mark.parametrize(
    ("status", "kind", "message", "suggestion"),
    [
        (400, "invalid_request_error", "Invalid request", None),
        (401, "authentication_error", "Invalid or expired token", None),
        (402, "insufficient_quota_error", "Insufficient credits", "top up the account"),
        (403, "permission_error", "Access denied", None),
        (404, "not_found_error", "Not found", None),
        (429, "rate_limit_error", "Rate limit exceeded", "retry after 60 seconds"),
        (500, "internal_server_error", "Internal server error", "try again later"),
        (502, "upstream_error", "Upstream service error", "try again later"),
        (503, "service_unavailable_error", "Service temporarily unavailable", "retry after 30 seconds"),
    ],
)
def test_documented_errors(
    server: DemoServer, caller: Caller, status: int, kind: str, message: str, suggestion: str | None
) -> None:
    server.fault(status=status, times=1)
    reply = caller.get()
    expected = {"code": status, "message": message, "type": kind}
    assert reply.status == status
    assert reply.error == expected | ({"fallback_suggestion": suggestion} if suggestion else {})
    assert caller.get().status == 200


@pytest.mark.parametrize("retry_after", [7, "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_fault_may_have_retry_after(server: DemoServer, caller: Caller, retry_after: int | str) -> None:
    server.fault(status=429, retry_after=retry_after)
    assert caller.get().headers["retry-after"] == str(retry_after)


def test_counted_faults_come_in_order(server: DemoServer, caller: Caller) -> None:
    """Counted faults follow one another, and a standing one stays."""
    server.fault(status=500, times=2)
    server.fault(status=503)
    assert [caller.get().status for _ in range(5)] == [500, 500, 503, 503, 503]
    server.fault(status=429)
    assert caller.get().status == 429
    server.clear_faults()
    assert caller.get().status == 200


def test_fault_is_on_its_path_only(server: DemoServer, caller: Caller) -> None:
    server.fault(path="/v1/tasks/{id}", status=503)
    assert caller.get().status == 200
    assert caller.get("/v1/tasks/any").status == 503


def test_faults_switch_over_http(caller: Caller) -> None:
    assert caller.post("/demo/fault", {"status": 502, "body": "html", "latency": 0.01}).status == 200
    reply = caller.get()
    assert (reply.status, reply.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert caller.send("DELETE", "/demo/fault").status == 200
    assert caller.get().status == 200


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("empty", b""),
        ("empty-object", b"{}"),
        ("unsuccessful", b'{"data":null,"message":"Balance not available","success":false}'),
    ],
)
def test_body_can_be_wrong(server: DemoServer, caller: Caller, body: str, expected: bytes) -> None:
    server.fault(body=body)
    reply = caller.get()
    assert (reply.status, reply.body) == (200, expected)


def test_body_can_be_any_text(server: DemoServer, caller: Caller) -> None:
    server.fault(text='{"data": NaN, "é": 1}')
    assert caller.get().body.decode() == '{"data": NaN, "é": 1}'


def test_redirect_has_location(server: DemoServer, caller: Caller) -> None:
    server.fault(redirect_to="http://127.0.0.1:9/elsewhere")
    reply = caller.get()
    assert (reply.status, reply.headers["location"]) == (302, "http://127.0.0.1:9/elsewhere")


def test_body_can_be_cut_short(server: DemoServer, caller: Caller) -> None:
    server.fault(body="cut")
    with pytest.raises(http.client.IncompleteRead) as cut:
        caller.get()
    assert cut.value.partial.startswith(b'{"data":')


def test_huge_body_is_still_right(server: DemoServer, caller: Caller) -> None:
    server.fault(body="huge")
    reply = caller.get()
    assert len(reply.body) > HUGE_BODY
    assert reply.json["success"] is True


def test_slow_body_comes_byte_by_byte(server: DemoServer, caller: Caller) -> None:
    server.fault(body="slow", text="{}")
    caller.connection.request("GET", CREDITS, headers={"Authorization": caller.authorization})
    response = caller.connection.getresponse()
    begun = time.monotonic()
    assert response.read() == b"{}"
    assert time.monotonic() - begun >= 0.15


def test_response_can_be_late(server: DemoServer, caller: Caller) -> None:
    server.fault(latency=0.3)
    begun = time.monotonic()
    assert caller.get().status == 200
    assert time.monotonic() - begun >= 0.3


def test_connection_can_be_closed(server: DemoServer, caller: Caller) -> None:
    """A connection can be closed without a byte."""
    server.fault(connection="close", times=1)
    with pytest.raises(http.client.RemoteDisconnected):
        caller.get()


def test_connection_can_be_reset(server: DemoServer, caller: Caller) -> None:
    server.fault(connection="reset", times=1)
    caller.connection.request("GET", CREDITS)
    with pytest.raises(ConnectionResetError) as broken:
        caller.connection.getresponse()
    assert not isinstance(broken.value, http.client.RemoteDisconnected)


def test_refusal_lasts_until_cleared(server: DemoServer, caller: Caller) -> None:
    url = server.url
    server.fault(connection="refuse")
    with pytest.raises(ConnectionRefusedError):
        Caller(server).get()
    server.clear_faults()
    assert server.url == url
    caller.connection.close()
    assert caller.get().status == 200


def test_refusal_over_http(server: DemoServer, caller: Caller) -> None:
    """Connections can be refused for a while from another process."""
    assert caller.post("/demo/fault", {"connection": "refuse", "seconds": 600}).status == 200
    with pytest.raises(ConnectionRefusedError):
        Caller(server).get()
    # The connection that asked for it is left open, to call it off again.
    assert caller.send("DELETE", "/demo/fault").status == 200
    newcomer = Caller(server)
    assert newcomer.get().status == 200
    newcomer.connection.close()


def test_refusal_ends_by_itself(server: DemoServer) -> None:
    server.fault(connection="refuse", seconds=0.2)
    deadline = time.monotonic() + 10
    while True:
        caller = Caller(server)
        try:
            assert caller.get().status == 200
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
        finally:
            caller.connection.close()


@pytest.mark.parametrize("fields", [{"times": 0}, {"latency": -1}, {"body": "blue"}, {"connection": "odd"}])
def test_impossible_fault_is_refused(server: DemoServer, fields: Any) -> None:
    with pytest.raises(InvalidFaultError, match=next(iter(fields))):
        server.fault(**fields)
