"""Entries of a ledger made by hand, and all kinds of them for Hypothesis."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from evolink_nb.metering.cost import Confidence, Cost
from evolink_nb.metering.entry import Entry, Kind

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNREAD = Cost(seconds=1.0, reason="the balance could not be read")


def cost(credits: str | Decimal, confidence: Confidence = "clean", *, others: str = "0") -> Cost:
    amount = Decimal(credits)
    return Cost(
        token=amount,
        user=amount + Decimal(others),
        others=Decimal(others),
        topped_up=Decimal(0),
        seconds=2.0,
        settled=confidence == "clean",
        confidence=confidence,
        reason="as the test says",
    )


def entry(spent: str | Cost, key: str = "a", *, kind: Kind = "cell", **rest: Any) -> Entry:
    values: dict[str, Any] = {"name": f"cell {key}", "began_at": NOON, **rest}
    return Entry(key=key, kind=kind, cost=cost(spent) if isinstance(spent, str) else spent, **values)


amounts = st.decimals(-(10**10), 10**10, places=4) | st.decimals(
    Decimal("-1e30"), Decimal("1e30"), allow_nan=False, allow_infinity=False
)
confidences = st.sampled_from(["clean", "shared", "unsettled", "inconsistent"])
costs = st.just(UNREAD) | st.builds(cost, amounts, confidences)
entries_of_any_kind = st.lists(
    st.builds(
        entry,
        costs,
        st.sampled_from("abc"),
        kind=st.sampled_from(["cell", "meter", "loop", "idle"]),
        within=st.booleans(),
        items=st.integers(0, 9),
    ),
    max_size=40,
)
