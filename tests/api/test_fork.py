"""A client in a forked child: it starts with no connection, lock or thread of its parent's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.environment import isolated_environment
from tests.support.failing_server import GOOD, KEY, SILENCE, FailingServer, Reply

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")

START = f"""
import gc, os, sys, threading
from evolink_nb import EvoLinkClient

KEY = {KEY!r}
reader = EvoLinkClient(KEY, base_url=os.environ["EVOLINK_BASE_URL"], timeout=10)

def in_child(work):
    '''Fork, run work in the child, which then ends as every program does, and return how it ended.'''
    child = os.fork()
    if child == 0:
        work()
        gc.collect()
        sys.exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""

READ_IN_BOTH = """
reader.get_credits()
identity = reader.identity

def work():
    assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
    assert reader.identity == identity == EvoLinkClient(KEY, base_url=reader.base_url).identity
    for _ in range(2):
        reader.get_credits()
    reader.close()

assert in_child(work) == 0
reader.get_credits()
reader.close()
"""

READ_IN_FLIGHT = """
threading.Thread(target=reader.get_credits, daemon=True).start()
sys.stdin.readline()  # the request is there

[exchange] = reader._session._in_flight
descriptor = exchange._socket.fileno()

def work():
    assert not reader._session._in_flight
    try:
        os.fstat(descriptor)
    except OSError:
        pass  # its copy of the connection is closed
    else:
        raise AssertionError("the parent's connection stays open here")
    reader.get_credits()
    reader.close()

assert in_child(work) == 0
# The parent's read goes on.
assert "evolink-nb-request" in [thread.name for thread in threading.enumerate()]
os._exit(0)
"""

LOCKS_HELD = """
reader.get_credits()
[pool] = reader._session._adapter._pools
held = [pool.pool.mutex, reader._session._adapter.poolmanager.pools.lock]
taken, done = threading.Event(), threading.Event()

def hold():
    for lock in held:
        lock.acquire()
    taken.set()
    done.wait()
    for lock in held:
        lock.release()

holding = threading.Thread(target=hold)
holding.start()
taken.wait()

def work():
    reader.get_credits()
    reader.close()

result = in_child(work)
done.set()
holding.join()
assert result == 0
"""


def run_forking(source: str, home: Path, *replies: Reply, told_after: int = 0) -> FailingServer:
    """Run a program that reads and forks; a server of `replies` answers it.

    Args:
        source: The program, after `START`.
        home: The program's home folder.
        *replies: The server's.
        told_after: So many requests after which the program is sent a line.
    """
    with FailingServer(*replies) as server:
        program = subprocess.Popen(
            # From 3.12 on, Python warns of every fork beside a thread.
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", START + source],
            env=isolated_environment(home) | {"EVOLINK_BASE_URL": server.url},
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with program:
            try:
                if told_after:
                    server.wait_for_requests(told_after)
                output, _ = program.communicate("\n", timeout=30)
            except BaseException:
                program.kill()
                raise
        assert (program.returncode, output) == (0, "")
    return server


def test_child_opens_its_own_connection(clean_environment: Path) -> None:
    server = run_forking(READ_IN_BOTH, clean_environment, GOOD)
    # The parent's connection serves the parent before and after the child, which has one.
    assert (len(server.heads), server.connections) == (4, 2)


def test_read_in_flight_stays_the_parents(clean_environment: Path) -> None:
    server = run_forking(READ_IN_FLIGHT, clean_environment, SILENCE, GOOD, told_after=1)
    assert (len(server.heads), server.connections) == (2, 2)


def test_locks_of_the_parent_stop_no_child(clean_environment: Path) -> None:
    server = run_forking(LOCKS_HELD, clean_environment, GOOD)
    assert (len(server.heads), server.connections) == (2, 2)
