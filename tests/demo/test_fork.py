"""The simulated API in a forked child: it has no server of its parent's, and leaves the parent's alone."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from evolink_nb.demo import DemoServer, running, stop_running
from tests.support import threads
from tests.support.caller import Caller
from tests.support.forks import FORKS, in_child

pytestmark = FORKS


def answers(server: DemoServer) -> bool:
    with Caller(server) as caller:
        return caller.get().status == 200


def test_child_starts_a_server_of_its_own() -> None:
    own = running()
    try:

        def check() -> bool:
            other = running()
            fresh = other is not own and other.url != url and answers(other)
            stop_running()
            return fresh and not threads.running(threads.DEMO)

        url = own.url
        assert in_child(check)
        assert running() is own
        assert answers(own)
    finally:
        stop_running()


def test_child_leaves_connections_open(server: DemoServer, caller: Caller) -> None:
    """A child that starts and stops its copy of a server neither ends nor holds the parent's connections."""
    assert caller.get().status == 200

    def check() -> bool:
        with pytest.raises(RuntimeError, match="not been started"):
            _ = server.url
        with server:
            return answers(server)

    assert in_child(check)
    assert caller.get().status == 200


def test_child_holds_no_socket(server: DemoServer, caller: Caller) -> None:
    """What the parent closes is closed, though a child of it lives on."""
    assert caller.get().status == 200
    server.fault(connection="reset", times=1)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write_end)
        os.read(read_end, 1)  # until the parent has looked
        os._exit(0)
    os.close(read_end)
    try:
        # A copy of the connection would keep it from being reset, one of the listener would accept.
        with pytest.raises(ConnectionResetError):
            caller.get()
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            answers(server)
    finally:
        os.close(write_end)
        os.waitpid(child, 0)


def test_locks_held_stop_no_child(server: DemoServer) -> None:
    """A thread of the parent's holds every lock at the fork."""
    held, done = threading.Event(), threading.Event()
    api = server.api
    locks: list[Any] = [server._lifecycle, api.account._lock, api.faults._lock, api.log._arrival]

    def hold() -> None:
        for lock in locks:
            lock.acquire()
        held.set()
        done.wait()
        for lock in reversed(locks):
            lock.release()

    holding = threading.Thread(target=hold)
    holding.start()
    held.wait()

    def check() -> bool:
        with server:
            return answers(server)

    try:
        assert in_child(check)
    finally:
        done.set()
        holding.join()
