"""A fetcher of a scripted client, on a clock that tests move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evolink_nb.polling.fetcher import CreditsFetcher, stop_all
from tests.support.clock import FakeClock
from tests.support.scripted import Jitter, ScriptedClient

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """No fetcher goes on when the test is over."""
    yield
    stop_all()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def client(clock: FakeClock) -> ScriptedClient:
    return ScriptedClient(clock)


@pytest.fixture
def jitter() -> Jitter:
    return Jitter()


@pytest.fixture
def fetcher(client: ScriptedClient, clock: FakeClock, jitter: Jitter) -> CreditsFetcher:
    return CreditsFetcher(client, 15.0, clock=clock, jitter=jitter)
