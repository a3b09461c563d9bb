"""A ledger of each test's own, and a client that nothing reads with once the test is over."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from evolink_nb.metering.active import active_measurements
from evolink_nb.metering.attribution.quiet import quiet_times
from evolink_nb.metering.budgets.registry import budgets
from evolink_nb.polling.fetcher import stop_all
from tests.support.ledgers import own_ledger
from tests.support.paid_server import PaidServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evolink_nb import EvoLinkClient
    from evolink_nb.metering.ledger import MemoryLedger


@pytest.fixture
def book() -> Iterator[MemoryLedger]:
    """A ledger of the test's own."""
    with own_ledger() as book:
        yield book


@pytest.fixture(autouse=True)
def quiet_time() -> Iterator[None]:
    """The simulated account is prompt, and tests are many: nothing need rest for seconds."""
    before = quiet_times.setting
    quiet_times.begin_with(0.3)
    yield
    quiet_times.begin_with(before)


@pytest.fixture
def client(reader: EvoLinkClient) -> Iterator[EvoLinkClient]:
    """A client of the simulated account; nothing watches or reads it when the test is over."""
    yield reader
    budgets.cancel_all()
    active_measurements.cancel_all()
    stop_all()


@pytest.fixture
def paid_server() -> Iterator[PaidServer]:
    """A server that charges at once and answers later than between two readings."""
    with PaidServer(delay=0.3) as server:
        yield server


@pytest.fixture
def paid_client(paid_server: PaidServer) -> Iterator[EvoLinkClient]:
    """A client of that server; nothing watches or reads it when the test is over."""
    with paid_server.client() as client:
        yield client
        budgets.cancel_all()
        active_measurements.cancel_all()
        stop_all()


@pytest.fixture
def sigint_left_alone() -> Iterator[None]:
    """What handles SIGINT is the same before and after."""
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before
