"""A simulated API of a test's own, and a plain client of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evolink_nb.demo import Account, DemoServer
from tests.support import threads
from tests.support.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[DemoServer]:
    """A simulated API for tests of itself: no task goes wrong by chance, and no thread may outlive it."""
    before = threads.running(threads.DEMO)
    with DemoServer(Account(shortfall_rate=0, failure_rate=0)) as server:
        yield server
    assert threads.running(threads.DEMO) == before


@pytest.fixture
def caller(server: DemoServer) -> Iterator[Caller]:
    """A plain client of `server`."""
    with Caller(server) as caller:
        yield caller
