"""Budgets on accounts whose counters are reset, stand still, jump, or move for others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from evolink_nb import BudgetExceeded, budget, meter
from evolink_nb.metering.active import active_measurements
from evolink_nb.metering.budgets.registry import budgets
from evolink_nb.polling.fetcher import CreditsFetcher, stop_all
from tests.support.keyed_account import KeyedAccount
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from evolink_nb.credits import Credits

pytestmark = pytest.mark.usefixtures("sigint_left_alone")


class KeyedClient:
    """Reads a `KeyedAccount`."""

    def __init__(self, account: KeyedAccount) -> None:
        self.account = account
        self.identity = f"keyed account {id(account)}"

    def get_credits(self) -> Credits:
        return self.account.read()

    def close(self) -> None:
        """Keep nothing open."""


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    budgets.cancel_all()
    active_measurements.cancel_all()
    stop_all()


EVENTS: dict[str, tuple[dict[str, Any], Callable[[KeyedAccount], object]]] = {
    "nothing": ({}, lambda _account: None),
    "a daily reset": ({}, KeyedAccount.reset_used),
    "a reset of an unlimited key": ({"unlimited": True}, KeyedAccount.reset_used),
    "used credits that stand still": ({"frozen": True}, lambda _account: None),
    "no counter of its own": ({"unlimited": True, "frozen": True}, lambda _account: None),
    "a raised limit": ({}, lambda account: account.change_limit(Decimal(100))),
    "a lowered limit": ({}, lambda account: account.change_limit(Decimal(-100))),
    "a limit removed": ({}, KeyedAccount.toggle_limit),
    "a limit set": ({"unlimited": True}, KeyedAccount.toggle_limit),
    "a top-up": ({}, lambda account: account.top_up(Decimal(100))),
    "a refund of an earlier call": ({}, lambda account: account.refund_earlier(Decimal(2), shows=True)),
    "a colleague": ({"unlimited": True}, lambda account: account.spend_as_other(Decimal(50))),
}


@pytest.mark.parametrize("kind", [meter, budget])
@pytest.mark.parametrize("what", EVENTS)
def test_work_stops_at_5_whatever_moves(what: str, kind: Any) -> None:
    options, event = EVENTS[what]
    client = KeyedClient(KeyedAccount(**options))
    steps: list[int] = []
    with pytest.raises(BudgetExceeded), kind(max_credits=5, client=client):
        _work(client, steps, event)
    assert steps == [1, 2, 3, 4, 5]


def _work(client: KeyedClient, steps: list[int], event: Callable[[KeyedAccount], object]) -> None:
    """Spend 1 at each step, read after it, and have the event happen after the third."""
    fetcher = CreditsFetcher.shared(client)
    for step in range(1, 16):
        steps.append(step)
        client.account.reserve(Decimal(1), Decimal(1))
        client.account.settle()
        fetcher.read(join=False)
        if step == 3:
            event(client.account)
            # What a call cancels out before the next reading can't be seen.
            fetcher.read(join=False)
    wait_until(lambda: False)
