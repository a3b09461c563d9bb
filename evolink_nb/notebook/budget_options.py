"""A budget's options as typed on a magic's line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..metering.budget_options import BudgetOptions

if TYPE_CHECKING:
    import argparse

NAMES = ("warn_at", "grace", "max_blind")


def budget_options(options: argparse.Namespace) -> BudgetOptions:
    """Return the options for a budget; those not typed have their usual values.

    Args:
        options: The options of the magic.
    """
    given = {name: getattr(options, name) for name in NAMES}
    return BudgetOptions.parse(**{name: value for name, value in given.items() if value is not None})
