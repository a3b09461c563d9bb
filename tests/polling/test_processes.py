"""How a process that has fetchers ends, and what a forked one begins with."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer

MAX_END = 60.0
"""Seconds that a busy machine may take to end a process; one that waits for an answer takes 600."""

ENDING = """
import sys, threading
from evolink_nb import CreditsFetcher, EvoLinkClient

fetcher = CreditsFetcher(EvoLinkClient(sys.argv[1], base_url=sys.argv[2], timeout=600), 0.1)
if sys.argv[3:]:
    fetcher.observe(lambda change: threading.Event().wait(), sys.argv[3])
fetcher.start()
sys.stdout.write("started\\n")
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.mark.parametrize("answering", [True, False], ids=["while polling", "while a request hangs"])
def test_exits_are_prompt_and_silent(demo_server: DemoServer, answering: bool) -> None:
    if not answering:
        demo_server.fault(latency=600)
    process = subprocess.Popen(
        [sys.executable, "-c", ENDING, demo_server.key, demo_server.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    demo_server.wait_for_requests(3 if answering else 1)
    printed, complaints = process.communicate(timeout=MAX_END)
    assert (printed.strip(), complaints, process.returncode) == (b"started", b"", 0)


@pytest.mark.parametrize("trait", ["credits", "status", "revision"])
def test_exits_wait_for_no_observer(demo_server: DemoServer, trait: str) -> None:
    """One that never returns."""
    process = subprocess.Popen(
        [sys.executable, "-c", ENDING, demo_server.key, demo_server.url, trait],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    demo_server.wait_for_requests(1)
    printed, _ = process.communicate(timeout=MAX_END)
    assert (printed.strip(), process.returncode) == (b"started", 0)


FORKING = """
import os, sys
from datetime import datetime, UTC
from evolink_nb import CreditsFetcher, EvoLinkClient
from evolink_nb.polling.fetcher import shared_fetchers

def client():
    return EvoLinkClient(sys.argv[1], base_url=sys.argv[2])

class Repeater:
    identity = "repeater"
    def get_credits(self):
        return shared.credits
    def close(self):
        pass

shared = CreditsFetcher.shared(client(), 0.1)
shared.start()
shared.wait(60)
own = CreditsFetcher(Repeater(), 0.1)
told = []
own.observe(lambda change: told.append(os.getpid()), "revision")
own.start()
own.wait(60)

def in_child():
    told.clear()
    assert shared_fetchers() == ()
    assert {each.running for each in (shared, own)} == {False}
    assert {str(each.status) for each in (shared, own)} == {"paused"}
    assert told == []
    anew = CreditsFetcher.shared(client())
    assert anew is not shared
    assert anew.read().user == shared.credits.user
    # One that was inherited starts anew when it is used.
    assert own.read() == shared.credits
    own.start()
    assert own.running
    own.stop()

for _ in range(20):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            in_child()
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        sys.exit("a child failed")
assert shared.running and own.running and own.read() and shared.read()
assert set(told) == {os.getpid()}
print("all back")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_forked_child_begins_anew(demo_server: DemoServer) -> None:
    """While a thread of the parent's polls, whatever lock that holds just then."""
    process = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, demo_server.key, demo_server.url],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (process.stdout, process.returncode) == ("all back\n", 0), process.stderr


FORKING_OBSERVER = """
import os, sys, threading
from evolink_nb import CreditsFetcher, EvoLinkClient

fetcher = CreditsFetcher(EvoLinkClient(sys.argv[1], base_url=sys.argv[2], timeout=600), 0.1)
codes, done = [], threading.Event()

def fork(change):
    child = os.fork()
    if child == 0:
        sys.exit(7)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    done.set()

fetcher.observe(fork, "notice")
fetcher.set_message(notice="Spent.")  # on the main thread
fetcher.observe(fork, "credits")
done.clear()
fetcher.start()
assert done.wait(20)
fetcher.unobserve(fork, "credits")
fetcher.read()
# Python ends a child whose only thread exits so with 0.
print(codes[:2])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_child_of_an_observer_exits(demo_server: DemoServer) -> None:
    """Its exit is its own, neither logged nor kept from it."""
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING_OBSERVER, demo_server.key, demo_server.url],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (process.stdout, process.stderr, process.returncode) == ("[7, 0]\n", "", 0)
