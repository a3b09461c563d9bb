"""The bounds of an exchange: its deadline, its size, its cancellation, and what a broken one comes to."""

from __future__ import annotations

import _thread
import gzip
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from evolink_nb import errors
from evolink_nb.api.bearer import BearerAuth
from evolink_nb.api.client import EvoLinkClient
from evolink_nb.api.credentials import Secret
from evolink_nb.api.transport import BoundedSession
from tests.support.failing_server import (
    GOOD,
    KEY,
    READING,
    SILENCE,
    FailingServer,
    Reply,
    failure_of,
    loopback_certificate,
    response,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from evolink_nb.api.responses import Response
    from evolink_nb.demo import DemoServer

T = TypeVar("T")
SLACK = 20.0
"""Seconds that a busy machine may take beyond a deadline: what has none takes twice that, or for ever."""


def failure_on(*replies: Reply, timeout: float = 10.0) -> errors.EvoLinkError:
    with FailingServer(*replies) as server, server.client(timeout) as reader:
        return failure_of(reader)


def session_of(server: FailingServer, parse: Callable[[Response], T]) -> BoundedSession[T]:
    """Return a session without a client around it."""
    auth = BearerAuth(Secret(KEY))
    return BoundedSession(server.url, "/v1/credits", auth=auth, headers={}, parse=parse, close_grace=10.0)


def test_refused_connection_is_an_error(reader: EvoLinkClient, demo_server: DemoServer) -> None:
    demo_server.fault(connection="refuse")
    error = failure_of(reader)
    assert type(error) is errors.APIConnectionError
    assert f"No answer from {demo_server.url}: the connection was refused." in str(error)
    demo_server.clear_faults()
    assert reader.get_credits().spendable == Decimal("1095.3996")


@pytest.mark.parametrize("fault", ["close", "reset"])
def test_broken_connection_is_an_error(fault: str, reader: EvoLinkClient, demo_server: DemoServer) -> None:
    demo_server.fault(connection=fault)
    error = failure_of(reader)
    assert type(error) is errors.APIConnectionError
    assert "the connection broke" in str(error)


def test_unknown_host_is_a_connection_error() -> None:
    # Too long for a name, so nobody is asked for it.
    with EvoLinkClient(KEY, base_url=f"https://{'nowhere.' * 40}invalid") as reader:
        error = failure_of(reader)
    assert type(error) is errors.APIConnectionError
    assert "its name was not found" in str(error)


def test_untrusted_certificate_is_an_error(tmp_path: Path) -> None:
    _, tls = loopback_certificate(tmp_path)
    with FailingServer(GOOD, tls=tls) as server, server.client() as reader:
        error = failure_of(reader)
    assert type(error) is errors.APIConnectionError
    assert "its certificate could not be verified" in str(error)
    assert server.heads == []


@pytest.mark.parametrize(
    "garbage", [b"\r\n\r\n", b"SSH-2.0-server\r\n", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200]
)
def test_garbage_is_a_connection_error(garbage: bytes) -> None:
    error = failure_on(Reply(garbage + b"x" * 70_000, hang_up=True))
    assert type(error) is errors.APIConnectionError
    assert "the connection broke" in str(error)


def test_compressed_body_is_not_unpacked() -> None:
    """It was not asked for, and may be a bomb."""
    for body in (json.dumps(READING).encode(), b" " * (64 << 20)):
        packed = response(gzip.compress(body, 9), content_encoding="GZIP")
        assert "it is compressed" in str(failure_on(Reply(packed)))
    plain = Reply(response(READING, content_encoding="identity"))
    with FailingServer(plain) as server, server.client() as reader:
        assert reader.get_credits().spendable == Decimal("1095.3996")


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_body_of_a_redirect_stays_small(encoding: str) -> None:
    """A redirect is not followed, so nobody needs to have all of its body."""
    body = gzip.compress(b" " * (64 << 20), 9) if encoding == "gzip" else b" " * (64 << 20)
    away = response(body, status="302 Found", location="/elsewhere", content_encoding=encoding)
    tracemalloc.start()
    try:
        with FailingServer(Reply(away)) as server, server.client() as reader:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            assert "Redirects are not followed" in str(failure_of(reader))
        assert tracemalloc.get_traced_memory()[1] - before < 16 << 20
    finally:
        tracemalloc.stop()


def test_read_after_a_huge_body_gets_its_own() -> None:
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
def test_late_response_is_a_timeout(reply: Reply) -> None:
    with FailingServer(reply) as server, server.client(timeout=0.4) as reader:
        begun = time.monotonic()
        error = failure_of(reader)
        assert 0.35 <= time.monotonic() - begun < 0.4 + SLACK
        assert type(error) is errors.APITimeoutError
        assert "within 0.4 s" in str(error)
        # It is cancelled on this side too: the thread ends and hangs up.
        server.wait_for_requests(1)
        server.wait_until_all_closed()
        assert len(server.heads) == 1


def test_late_https_response_is_a_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, tls = loopback_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    dripping = Reply(response(length=2000), dripping=b" " * 2000)
    with FailingServer(dripping, GOOD, tls=tls) as server, server.client(timeout=2) as reader:
        begun = time.monotonic()
        assert type(failure_of(reader)) is errors.APITimeoutError
        assert time.monotonic() - begun < 2 + SLACK
        server.wait_until_all_closed()
        reader.timeout = 30
        assert reader.get_credits().spendable == Decimal("1095.3996")


@contextmanager
def black_hole() -> Iterator[tuple[str, int]]:
    """Yield an address that answers nothing at all: a queue that one connection has filled."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        with socket.create_connection(listener.getsockname()):
            yield listener.getsockname()


def test_server_that_never_accepts_times_out() -> None:
    with (
        black_hole() as (_, port),
        EvoLinkClient(KEY, base_url=f"http://127.0.0.1:{port}", timeout=0.4) as reader,
    ):
        begun = time.monotonic()
        error = failure_of(reader)
        assert type(error) is errors.APITimeoutError
        assert "No connection to" in error.message
        assert "within 0.2 s" in error.message
        assert time.monotonic() - begun < 0.4 + SLACK


@pytest.mark.parametrize("holes", [1, 2])
def test_next_address_is_tried_in_time(holes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may have addresses that nothing reaches, such as a machine's without IPv6."""
    with black_hole() as hole, FailingServer(GOOD) as server:
        addresses = [*[hole] * holes, ("127.0.0.1", server.port)]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: found)
        with EvoLinkClient(KEY, base_url="http://localhost:9", timeout=4) as reader:
            assert reader.get_credits().spendable == Decimal("1095.3996")


def test_interrupt_beside_a_wait_ends_it() -> None:
    with FailingServer(SILENCE) as server, server.client(timeout=60) as reader:

        def note_interrupt() -> None:
            server.wait_for_requests(1)
            _thread.interrupt_main()

        interrupter = threading.Thread(target=note_interrupt)
        interrupter.start()
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            reader.get_credits()
        assert time.monotonic() - begun < 10 + SLACK
        interrupter.join(SLACK)
        server.wait_until_all_closed()


def test_read_after_a_timeout_is_answered(reader: EvoLinkClient, demo_server: DemoServer) -> None:
    reader.timeout = 0.4
    demo_server.fault(latency=600, times=1)
    assert type(failure_of(reader)) is errors.APITimeoutError
    reader.timeout = 30
    assert reader.get_credits().simulated
    assert demo_server.requests_seen["/v1/credits"] == 2


def test_slow_read_cuts_no_other_short() -> None:
    with FailingServer(SILENCE, GOOD) as server, server.client(timeout=3) as reader:
        slow: list[errors.EvoLinkError] = []
        reading = threading.Thread(target=lambda: slow.append(failure_of(reader)))
        reading.start()
        server.wait_for_requests(1)
        for _ in range(5):
            assert reader.get_credits().spendable == Decimal("1095.3996")
        reading.join(60)
    assert [type(error) for error in slow] == [errors.APITimeoutError]


def test_closing_cancels_a_read_in_flight() -> None:
    with FailingServer(SILENCE) as server, server.client(timeout=60) as reader:
        cancelled: list[BaseException] = []

        def read() -> None:
            with pytest.raises(errors.APIConnectionError, match="its client was closed") as caught:
                reader.get_credits()
            cancelled.append(caught.value)

        reading = threading.Thread(target=read)
        reading.start()
        server.wait_for_requests(1)
        reader.close()
        reading.join(SLACK)
        assert not reading.is_alive()
        server.wait_until_all_closed()
    assert cancelled
    assert len(server.heads) == 1


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
def test_errors_hold_no_foreign_exception(reply: Reply) -> None:
    error = failure_on(reply, timeout=0.4)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert {type(value).__module__ for value in vars(error).values()} == {"builtins"}


def test_first_outcome_reported_counts() -> None:
    """What a request says after it was cancelled is not what the server said."""

    def parse(_: Response) -> str:
        session.cancel()
        return "came too late"

    with FailingServer(GOOD) as server:
        session = session_of(server, parse)
        outcome = session.get(10.0, session.closed)
        session.close()
    assert type(outcome) is errors.APIConnectionError
    assert "its client was closed" in outcome.message


def test_reads_in_a_row_share_a_thread() -> None:
    """A new one would have to wait its turn while all cores are busy."""
    with FailingServer(GOOD) as server:
        session = session_of(server, lambda _: threading.current_thread())
        first = session.get(10.0, session.closed)
        wait_until(lambda: session.get(10.0, session.closed) is first)
        session.close()
        assert isinstance(first, threading.Thread)
        first.join(SLACK)
        assert not first.is_alive()


def test_work_begun_before_sends_nothing() -> None:
    with FailingServer(GOOD) as server:
        session = session_of(server, lambda response: response.status)
        begun = session.closed
        session.close()
        assert isinstance(session.get(10.0, begun), errors.APIConnectionError)
        assert session.get(10.0, session.closed) == 200
        session.close()
    assert len(server.heads) == 1


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_any_exception_comes_back_as_a_value(kind: type[BaseException]) -> None:
    def fail(_: Response) -> None:
        raise kind(KEY)

    with FailingServer(GOOD) as server:
        session = session_of(server, fail)
        outcome = session.get(10.0, session.closed)
        session.close()
    assert type(outcome) is errors.APIConnectionError
    assert KEY not in str(outcome)
    assert (outcome.__cause__, outcome.__context__, outcome.__traceback__) == (None, None, None)


def test_reading_has_monotonic_times() -> None:
    """A reading is asked for after it was ordered, and comes before it is handed over."""
    slow = Reply(dripping=response(READING), pause=0.001)
    with FailingServer(slow) as server, server.client() as reader:
        before = time.monotonic()
        credits = reader.get_credits()
        after = time.monotonic()
    assert before <= credits.requested_at < credits.monotonic <= after
    assert credits.monotonic - credits.requested_at >= 0.001 * len("HTTP/1.1 200 OK")
