"""A budget's own spending on an account that was seen to charge late."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evolink_nb.api.calls import Call
from evolink_nb.metering.attribution.quiet import MAX_QUIET, QuietTime
from evolink_nb.metering.budgets.own_spending import OwnSpending
from evolink_nb.polling.spending import Spending
from tests.support.readings import moved


@pytest.mark.parametrize(("lag", "spent"), [(0.0, 0), (1.0, 0), (5.0, 2)])
def test_a_late_charge_counts_by_receipt(lag: float, spent: int) -> None:
    """A reading soon after a call says nothing of it, where charges are known to be that late."""
    own = OwnSpending(Spending(moved(0)), QuietTime(longest_lag=lag))
    own.count(Call("late", 0.5, 1.0, Decimal(2)), is_own=True)
    assert own.record_all([moved(3)]) == spent
    assert own.record_all([moved(7, spent=2)]) == 2


@pytest.mark.parametrize(("lag", "until"), [(0.0, 7.0), (2.0, 5.0), (300.0, 7.0 - MAX_QUIET)])
def test_a_reading_shows_what_was_charged(lag: float, until: float) -> None:
    """What was spent shortly before it, it doesn't show; a lag that seems very long delays no stop."""
    own = OwnSpending(Spending(moved(0)), QuietTime(longest_lag=lag))
    own.record_all([moved(8, requested_at=7.0)])
    assert own.shows_until == until
