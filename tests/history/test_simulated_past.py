"""The past that the demo account is given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import evolink_nb
from evolink_nb import EvoLinkClient
from evolink_nb.demo import DemoServer
from evolink_nb.errors import ConfigurationError
from evolink_nb.history.current import current
from evolink_nb.history.looking_back import costs
from evolink_nb.history.of_key import outlook
from evolink_nb.history.simulated_past import simulate_past
from evolink_nb.history.storage.location import Kind


@pytest.fixture
def client() -> Iterator[EvoLinkClient]:
    """A client of a demo account; the history is again where it was afterwards."""
    with DemoServer() as server:
        yield EvoLinkClient(server.key, base_url=server.url)
        current.use(None)


def test_it_ends_in_the_present_balance(client: EvoLinkClient) -> None:
    """And its readings tell what its runs cost."""
    past = simulate_past(client)
    assert current.location.kind is Kind.MEMORY
    days = evolink_nb.history("30d", by="day")
    assert days.total == past.spent == evolink_nb.history("30d", by="cell").total
    assert days.simulated
    present = client.get_credits()
    last = list(days)[-1]
    assert last.remaining == present.user.remaining
    assert sum(day.topped_up or 0 for day in days) == 300
    assert any(day.is_gap for day in days)
    assert "runs out on" in outlook(client, present)


def test_a_second_time_spends_nothing_more(client: EvoLinkClient) -> None:
    """As where a kernel is restarted, and its account isn't."""
    first = simulate_past(client)
    before, told = client.get_credits(), [(run.name, run.user) for run in costs("30d")]
    assert simulate_past(client) == first
    assert client.get_credits().user == before.user
    assert [(run.name, run.user) for run in costs("30d")] == told


def test_a_real_account_is_left_alone() -> None:
    with DemoServer(marked=False) as server:
        before = current.location
        with pytest.raises(ConfigurationError, match="not the demo account"):
            simulate_past(EvoLinkClient(server.key, base_url=server.url))
        assert current.location == before
        assert set(server.requests_seen) == {"/v1/credits"}
