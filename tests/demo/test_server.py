"""The simulated API's server: what it answers, what it records, and what it leaves behind."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time

import pytest

from evolink_nb.demo import DEMO_HEADER, DEMO_KEY_PREFIX, DemoServer, running, stop_running
from tests.support import threads
from tests.support.caller import CREDITS, Caller

IMAGES = "/v1/images/generations"


def test_responses_are_marked_with_ids(caller: Caller) -> None:
    """Every response is marked as simulated and has an id of its own."""
    replies = [caller.get(), caller.get("/nowhere"), caller.send("PUT", CREDITS), caller.post(IMAGES, b"{")]
    assert {reply.headers[DEMO_HEADER] for reply in replies} == {"simulated"}
    assert len({reply.headers["x-request-id"] for reply in replies}) == 4


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"])
def test_other_methods_get_405_and_allow(caller: Caller, method: str) -> None:
    reply = caller.send(method, CREDITS)
    assert (reply.status, reply.headers["allow"]) == (405, "GET")
    assert reply.body == b"" if method == "HEAD" else reply.error["code"] == 405
    assert caller.get().status == 200


def test_head_response_has_no_body(server: DemoServer) -> None:
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"HEAD /v1/credits HTTP/1.1\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert answer.index(b"\r\n\r\n") == len(answer) - 4


def test_requests_are_kept_without_key(server: DemoServer, caller: Caller) -> None:
    caller.get()
    caller.get()
    caller.get("/v1/tasks/any")
    caller.send("GET", "/a/secret", headers={"User-Agent": "lighthouse/1", "X-Api-Key": "hush"})
    assert server.requests_seen == {CREDITS: 2, "/v1/tasks/{id}": 1, "unknown": 1}
    assert caller.get("/demo/requests").json["requests"][CREDITS] == 2
    last = server.requests[3]
    assert (last.user_agent, last.path) == ("lighthouse/1", "unknown")
    assert "X-Api-Key" in last.header_names
    kept = repr(server.requests) + repr(server) + repr(server.requests_seen)
    assert server.key not in kept
    assert "hush" not in kept


def test_waiting_ends_with_requests(server: DemoServer, caller: Caller) -> None:
    with pytest.raises(TimeoutError):
        server.wait_for_requests(1, timeout=0.01)
    waiting = threading.Thread(target=server.wait_for_requests, args=(1,))
    waiting.start()
    caller.get()
    waiting.join(timeout=60)
    assert not waiting.is_alive()


def test_keep_alive_has_no_delay(caller: Caller) -> None:
    caller.get()
    seconds = []
    for _ in range(50):
        begun = time.monotonic()
        caller.get()
        seconds.append(time.monotonic() - begun)
    # A delayed acknowledgement would hold each answer up for 40 ms; a busy machine holds up some.
    assert min(seconds) < 0.03


def test_fifty_connections_are_answered(server: DemoServer) -> None:
    callers = [Caller(server) for _ in range(50)]
    for caller in callers:
        caller.connection.request("GET", CREDITS, headers={"Authorization": caller.authorization})
    assert [caller.connection.getresponse().status for caller in callers] == [200] * 50
    for caller in callers:
        caller.connection.close()


def test_stop_leaves_nothing_open() -> None:
    """Stopping leaves no thread and no open connection."""
    before = threads.running(threads.DEMO)
    server = DemoServer().start()
    idle, late, slow = Caller(server), Caller(server), Caller(server)
    assert idle.get().status == 200
    server.fault(latency=600, times=1)
    late.connection.request("GET", CREDITS)
    server.wait_for_requests(2)
    server.fault(body="slow", times=1)
    slow.connection.request("GET", CREDITS)
    slow_response = slow.connection.getresponse()
    server.fault(connection="refuse", seconds=600)
    server.clear_faults()
    server.stop()
    assert threads.running(threads.DEMO) == before
    with pytest.raises(http.client.IncompleteRead):
        slow_response.read()
    with pytest.raises(ConnectionError):
        late.connection.getresponse()
    with pytest.raises(ConnectionRefusedError):
        Caller(server).get()
    server.stop()
    for caller in (idle, late, slow):
        caller.connection.close()


def test_stop_joins_connection_threads() -> None:
    before = threads.running(threads.DEMO)
    with DemoServer() as server:
        callers = [Caller(server) for _ in range(40)]
        assert {caller.get().status for caller in callers} == {200}
        assert len(threads.running(threads.DEMO) - before) == 41
    assert threads.running(threads.DEMO) == before
    for caller in callers:
        caller.connection.close()


def test_restart_keeps_the_port() -> None:
    server = DemoServer()
    with pytest.raises(RuntimeError, match="not been started"):
        _ = server.url
    with server:
        url = server.url
    with server:
        assert server.url == url
        caller = Caller(server)
        assert caller.get().status == 200
        caller.connection.close()


def test_listens_on_loopback_only(server: DemoServer) -> None:
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", port), timeout=60)
    socket.create_connection(("127.0.0.1", port), timeout=60).close()


def test_key_follows_from_the_seed() -> None:
    """The key follows from the seed, and cannot be taken for a real one."""
    keys = {DemoServer(seed=seed).key for seed in range(50)}
    assert len(keys) == 50
    assert DemoServer(seed=3).key in keys
    for key in keys:
        assert key.startswith(DEMO_KEY_PREFIX)
        assert not re.search(r"sk-[A-Za-z0-9]{12,}", key)


def test_process_has_one_server() -> None:
    stop_running()
    before = threads.running(threads.DEMO)
    server = running(seed=5)
    try:
        assert running(seed=6) is server
        caller = Caller(server)
        assert caller.get().status == 200
        caller.connection.close()
    finally:
        stop_running()
    assert threads.running(threads.DEMO) == before
    stop_running()
