"""What is logged: readings, stops and costs; never a key, and nothing that one must not miss."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from evolink_nb import BudgetExceeded, EvoLinkClient, EvoLinkError, meter, track
from evolink_nb.polling.fetcher import CreditsFetcher
from tests.support.experiment import Experiment
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from evolink_nb.demo import DemoServer

pytestmark = pytest.mark.usefixtures("simulated_account", "book", "client")


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name.startswith("evolink_nb.")
    ]


def test_readings_and_failures_are_logged(
    demo_server: DemoServer, client: EvoLinkClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "evolink_nb")
    fetcher = CreditsFetcher(client)
    fetcher.read()
    demo_server.fault(status=401)
    with pytest.raises(EvoLinkError):
        fetcher.read()
    assert logged(caplog) == [
        ("DEBUG", "read: 1095.3996 spendable, 135.9048 used"),
        ("INFO", "not read: AuthenticationError"),
    ]
    assert demo_server.key not in caplog.text


def test_stops_and_costs_are_logged(
    demo_server: DemoServer, client: EvoLinkClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "evolink_nb")

    @meter(max_credits=2, client=client)
    def spend_on() -> None:
        while True:
            demo_server.account.spend(1)
            CreditsFetcher.shared(client).read(join=False)

    with pytest.raises(BudgetExceeded):
        spend_on()
    for _ in track(range(9), max_credits=2, client=client):
        demo_server.account.spend(1)
    messages = [message for _, message in logged(caplog)]
    assert any(text.startswith("stopped: The meter (max_credits=2) at ") for text in messages), messages
    assert "stopped: a loop after 2 items, 2 credits" in messages
    wait_until(lambda: any(text.startswith("settled: ") for _, text in logged(caplog)))
    assert {level for level, _ in logged(caplog)} == {"INFO"}


def test_refusals_are_logged_once(paid_client: EvoLinkClient, caplog: pytest.LogCaptureFixture) -> None:
    """A loop that ignores them goes round thousands of times."""
    caplog.set_level(logging.INFO, "evolink_nb")
    experiment = Experiment(paid_client)
    with pytest.raises(BudgetExceeded), meter(max_credits=1, client=paid_client):
        experiment.in_a_retry_loop()
    assert len([text for _, text in logged(caplog) if text.startswith("stopped: ")]) == 1


def test_nothing_is_shown_by_default(demo_server: DemoServer) -> None:
    code = "from evolink_nb import EvoLinkClient, CreditsFetcher as F; F(EvoLinkClient()).read()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert demo_server.requests_seen["/v1/credits"] == 1
