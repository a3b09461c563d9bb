"""A stop as a budget makes it."""

from __future__ import annotations

from decimal import Decimal

from evolink_nb.errors import BudgetExceeded


def a_stop(name: str = "The budget") -> BudgetExceeded:
    """A stop at 7 of 5 credits."""
    return BudgetExceeded(
        f"{name} stopped the work at 7 credits spent, 2 over.",
        name=name,
        max_credits=Decimal(5),
        spent=Decimal(7),
        over=Decimal(2),
        hint="Spending in between shows up late.",
    )
