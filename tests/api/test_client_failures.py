"""Everything that can go wrong on the way: each its own typed error, in time, with what to do."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evolink_nb import errors
from evolink_nb.api.client import EvoLinkClient
from tests.support.failing_server import (
    GOOD,
    KEY,
    READING,
    SILENCE,
    FailingServer,
    Reply,
    loopback_certificate,
    request_threads,
    response,
)

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer

pytestmark = pytest.mark.usefixtures("impatient")

SLACK = 2.0
"""Seconds that a busy machine may take beyond a deadline."""


@pytest.fixture(autouse=True)
def no_request_is_left_behind() -> Iterator[None]:
    yield
    for thread in request_threads():
        thread.join(10)
        assert not thread.is_alive()


def failure_of(reader: EvoLinkClient) -> errors.EvoLinkError:
    with pytest.raises(errors.EvoLinkError) as caught:
        reader.get_credits()
    return caught.value


def failure_on(*replies: Reply, timeout: float = 10.0) -> errors.EvoLinkError:
    with FailingServer(*replies) as server, server.client(timeout) as reader:
        return failure_of(reader)


@pytest.mark.parametrize(
    ("status", "cls", "message", "suggestion", "wait"),
    [
        (400, errors.BadRequestError, "Invalid request", None, None),
        (401, errors.AuthenticationError, "Invalid or expired token", None, None),
        (402, errors.PaymentRequiredError, "Insufficient credits", "top up the account", None),
        (403, errors.PermissionDeniedError, "Access denied", None, None),
        (404, errors.NotFoundError, "Not found", None, None),
        (429, errors.RateLimitError, "Rate limit exceeded", "retry after 60 seconds", 60.0),
        (500, errors.ServerError, "Internal server error", "try again later", None),
        (502, errors.ServerError, "Upstream service error", "try again later", None),
        (503, errors.ServerError, "Service temporarily unavailable", "retry after 30 seconds", 30.0),
    ],
)
def test_each_refusal_is_an_error_of_its_own_with_the_server_s_advice(
    status: int,
    cls: type[errors.APIStatusError],
    message: str,
    suggestion: str | None,
    wait: float | None,
    reader: EvoLinkClient,
    demo_server: DemoServer,
) -> None:
    demo_server.fault(status=status)
    error = failure_of(reader)
    assert type(error) is cls
    assert (error.status, error.code, error.message) == (status, status, message)
    assert (error.suggestion, error.retry_after) == (suggestion, wait)
    first, *advice = str(error).splitlines()
    assert first == f"EvoLink answered {status}: {message} [request {error.request_id}]"
    assert suggestion is None or f"EvoLink suggests: {suggestion}." in advice[0]
    demo_server.clear_faults()
    assert reader.get_credits().simulated


def test_a_wrong_key_is_an_authentication_error(demo_server: DemoServer) -> None:
    with EvoLinkClient(KEY, base_url=demo_server.url) as reader:
        error = failure_of(reader)
    assert type(error) is errors.AuthenticationError
    assert "EVOLINK_API_KEY" in str(error).splitlines()[1]


def test_a_refused_connection_is_a_connection_error(reader: EvoLinkClient, demo_server: DemoServer) -> None:
    demo_server.fault(connection="refuse")
    error = failure_of(reader)
    assert type(error) is errors.APIConnectionError
    assert f"No answer from {demo_server.url}: the connection was refused." in str(error)
    demo_server.clear_faults()
    assert reader.get_credits().spendable == Decimal("1095.3996")


@pytest.mark.parametrize("fault", ["close", "reset"])
def test_a_broken_connection_is_a_connection_error(
    fault: str, reader: EvoLinkClient, demo_server: DemoServer
) -> None:
    demo_server.fault(connection=fault)
    error = failure_of(reader)
    assert type(error) is errors.APIConnectionError
    assert "the connection broke" in str(error)


def test_a_name_that_does_not_exist_is_a_connection_error() -> None:
    # Too long for a name, so nobody is asked for it.
    with EvoLinkClient(KEY, base_url=f"https://{'nowhere.' * 40}invalid") as reader:
        error = failure_of(reader)
    assert type(error) is errors.APIConnectionError
    assert "its name was not found" in str(error)


def test_a_certificate_that_nobody_vouches_for_is_a_connection_error(tmp_path: Path) -> None:
    _, tls = loopback_certificate(tmp_path)
    with FailingServer(GOOD, tls=tls) as server, server.client() as reader:
        error = failure_of(reader)
    assert type(error) is errors.APIConnectionError
    assert "its certificate could not be verified" in str(error)
    assert server.heads == []


@pytest.mark.parametrize(
    "garbage", [b"\r\n\r\n", b"SSH-2.0-server\r\n", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200]
)
def test_what_is_not_http_is_a_connection_error(garbage: bytes) -> None:
    error = failure_on(Reply(garbage + b"x" * 70_000, hang_up=True))
    assert type(error) is errors.APIConnectionError
    assert "the connection broke" in str(error)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("empty", "it is empty"),
        ("html", "it is a web page, not JSON"),
        ("cut", "it was cut short"),
        ("huge", "it is larger than 1,048,576 bytes"),
        ("empty-object", "data is missing, not an object"),
        ("unsuccessful", "reports a failure: Balance not available"),
    ],
)
def test_a_200_without_a_reading_can_t_be_read(
    body: str, why: str, reader: EvoLinkClient, demo_server: DemoServer
) -> None:
    demo_server.fault(body=body, times=1)
    error = failure_of(reader)
    assert type(error) is errors.InvalidResponseError
    assert why in str(error).splitlines()[0]
    assert error.request_id
    assert reader.get_credits().simulated


@pytest.mark.parametrize("body", ["empty", "html", "cut", "huge"])
def test_a_refusal_without_its_documented_body_is_still_the_refusal(
    body: str, reader: EvoLinkClient, demo_server: DemoServer
) -> None:
    demo_server.fault(status=429, body=body, retry_after=7)
    error = failure_of(reader)
    assert isinstance(error, errors.RateLimitError)
    assert (error.message, error.retry_after, error.suggestion) == ("Too Many Requests", 7.0, None)


@pytest.mark.parametrize("code", [401, "401"])
def test_an_error_on_a_200_is_its_own_error(
    code: int | str, reader: EvoLinkClient, demo_server: DemoServer
) -> None:
    quoted = f'"{code}"' if isinstance(code, str) else code
    demo_server.fault(text=f'{{"error": {{"code": {quoted}, "message": "Invalid token"}}}}')
    error = failure_of(reader)
    assert isinstance(error, errors.AuthenticationError)
    assert (error.code, error.message) == (code, "Invalid token")


@pytest.mark.parametrize(
    "number", ["NaN", "-Infinity", "1e400", "1e99999999999999999999", "true", '"12"', "null"]
)
def test_a_number_that_is_none_is_an_unreadable_answer(
    number: str, reader: EvoLinkClient, demo_server: DemoServer
) -> None:
    text = (
        '{"data": {"token": {"remaining_credits": 1, "used_credits": 1, "unlimited_credits": false},'
        ' "user": {"remaining_credits": %s, "used_credits": 1}}, "message": "", "success": true}'
    )
    demo_server.fault(text=text % number)
    error = failure_of(reader)
    assert type(error) is errors.InvalidResponseError
    assert demo_server.requests_seen["/v1/credits"] == 1


def test_a_compressed_answer_that_is_broken_or_endless_is_unreadable() -> None:
    bomb = response(gzip.compress(b" " * (64 << 20), 9), content_encoding="gzip")
    assert "larger than 1,048,576 bytes" in str(failure_on(Reply(bomb)))
    broken = response(b"\x1f\x8bnot gzip at all", content_encoding="gzip")
    assert "it was cut short" in str(failure_on(Reply(broken)))


def test_after_an_answer_too_large_the_next_read_gets_its_own_answer() -> None:
    huge = Reply(response(b" " * (4 << 20)))
    with FailingServer(huge, GOOD) as server, server.client() as reader:
        assert "larger than" in str(failure_of(reader))
        assert reader.get_credits().spendable == Decimal("1095.3996")
    assert server.connections == 2


ENDLESS = [
    pytest.param(SILENCE, id="silence"),
    pytest.param(Reply(dripping=response(READING, x_padding="x" * 2000)), id="dripping headers"),
    pytest.param(Reply(b"HTTP/1.1 200 OK\r\n", dripping=b"x: y\r\n" * 500), id="endless headers"),
    pytest.param(Reply(response(length=2000), dripping=b" " * 2000), id="dripping body"),
    pytest.param(Reply(b"HTTP/1.1 200 OK\r\n\r\n", dripping=b" " * 2000), id="body without end"),
    pytest.param(
        Reply(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", dripping=b"1\r\n \r\n" * 400),
        id="chunks",
    ),
    pytest.param(Reply(dripping=b"HTTP/1.1 100 Continue\r\n\r\n" * 100), id="continue for ever"),
    pytest.param(Reply(response(length=2000)), id="no body"),
]


@pytest.mark.parametrize("reply", ENDLESS)
def test_an_answer_that_does_not_come_in_time_is_a_timeout(reply: Reply) -> None:
    with FailingServer(reply) as server, server.client(timeout=0.4) as reader:
        begun = time.monotonic()
        error = failure_of(reader)
        assert 0.35 <= time.monotonic() - begun < 0.4 + SLACK
        assert type(error) is errors.APITimeoutError
        assert "within 0.4 s" in str(error)
        # It is given up on this side too: the thread ends and hangs up.
        server.wait_until_all_have_left()
        assert len(server.heads) == 1


def test_over_https_a_dripping_answer_is_given_up_in_time_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, tls = loopback_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    dripping = Reply(response(length=2000), dripping=b" " * 2000)
    with FailingServer(dripping, GOOD, tls=tls) as server, server.client(timeout=1) as reader:
        begun = time.monotonic()
        assert type(failure_of(reader)) is errors.APITimeoutError
        assert time.monotonic() - begun < 1 + SLACK
        server.wait_until_all_have_left()
        assert reader.get_credits().spendable == Decimal("1095.3996")


def test_a_server_that_never_accepts_is_a_timeout() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        # One connection fills the queue; the next one is not even refused.
        with (
            socket.create_connection(address),
            EvoLinkClient(KEY, base_url=f"http://127.0.0.1:{address[1]}", timeout=0.4) as reader,
        ):
            begun = time.monotonic()
            assert type(failure_of(reader)) is errors.APITimeoutError
            assert time.monotonic() - begun < 0.4 + SLACK


def test_after_a_timeout_the_next_read_is_answered(reader: EvoLinkClient, demo_server: DemoServer) -> None:
    reader.timeout = 0.4
    demo_server.fault(latency=600, times=1)
    assert type(failure_of(reader)) is errors.APITimeoutError
    assert reader.get_credits().simulated
    assert demo_server.requests_seen["/v1/credits"] == 2


def test_one_slow_read_does_not_cut_another_one_short() -> None:
    with FailingServer(SILENCE, GOOD) as server, server.client(timeout=1) as reader:
        slow: list[errors.EvoLinkError] = []
        reading = threading.Thread(target=lambda: slow.append(failure_of(reader)))
        reading.start()
        server.wait_for_requests(1)
        for _ in range(5):
            assert reader.get_credits().spendable == Decimal("1095.3996")
        reading.join(10)
    assert [type(error) for error in slow] == [errors.APITimeoutError]


@pytest.mark.parametrize(
    "reply",
    [
        SILENCE,
        Reply(hang_up=True),
        Reply(response(status="503 Busy")),
        Reply(response("<html>")),
        Reply(response("{}")),
    ],
    ids=["silence", "closed", "busy", "page", "empty object"],
)
def test_no_error_hangs_on_another_library_s_exception(reply: Reply) -> None:
    error = failure_on(reply, timeout=0.4)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert {type(value).__module__ for value in vars(error).values()} == {"builtins"}
