"""The simulated API's server withstands malformed requests, and logs nothing."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolink_nb.demo import DemoServer
from evolink_nb.demo.api import ROUTES
from tests.support.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Iterator


GARBAGE = [
    b"\r\n",
    b"GET\r\n\r\n",
    b"GET /v1/credits\r\n\r\n",
    b"GET /v1/credits HTTP/9.9\r\n\r\n",
    b"GET /v1/credits HTTP/x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"GET " + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    b"POST /v1/images/generations HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/images/generations HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /v1/images/generations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /v1/images/generations HTTP/1.1\r\nContent-Length: 100\r\n\r\n{}",
    b"GET http://[ HTTP/1.1\r\n\r\n",
    b"GET /v1/tasks/%ff%00%0d%0a HTTP/1.1\r\nAuthorization: Bearer \xe9\r\n\r\n",
]


def throw(server: DemoServer, garbage: bytes) -> bytes:
    """Send bytes; return all that comes back until the server closes."""
    with socket.create_connection(
        ("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=10
    ) as connection:
        answer = b""
        try:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                answer += chunk
        except ConnectionError:
            # Hanging up on garbage before it is all read is fair.
            pass
        return answer


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_refused_quietly(
    server: DemoServer, caller: Caller, garbage: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = throw(server, garbage)
    assert not answer or re.match(rb"HTTP/1.1 4\d\d ", answer)
    assert caller.get().status == 200
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="module")
def lasting_server() -> Iterator[DemoServer]:
    with DemoServer() as server:
        yield server


@given(
    garbage=st.binary(max_size=200)
    | st.sampled_from(GARBAGE).flatmap(lambda start: st.binary().map(start.__add__))
)
@settings(max_examples=50, deadline=None)
def test_no_garbage_makes_the_server_fail(lasting_server: DemoServer, garbage: bytes) -> None:
    assert not re.search(rb"HTTP/1.1 [235]\d\d ", throw(lasting_server, garbage))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["credits", "key", "status", "times", "latency", "body", "text", "retry_after", "model", "n"]
)
POSTS = st.sampled_from([path for path, operations in ROUTES.items() if "POST" in operations])


@given(path=POSTS, body=JSON | st.dictionaries(NAMES, JSON, max_size=4))
@settings(max_examples=60, deadline=None)
def test_no_body_makes_the_server_fail(lasting_server: DemoServer, path: str, body: object) -> None:
    lasting_server.clear_faults()
    caller = Caller(lasting_server)
    reply = caller.post(path, body)
    caller.connection.close()
    assert reply.status in {200, 400, 402}
