"""The options of a budget, as typed on a magic's line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...metering.budgets.options import BudgetOptions

if TYPE_CHECKING:
    import argparse


def budget_options(typed: argparse.Namespace, usual: BudgetOptions | None = None) -> BudgetOptions:
    """Return the options for a budget.

    Args:
        typed: The options of the magic.
        usual: The values of options that weren't typed; by default, those of every budget.
    """
    usual = usual or BudgetOptions()
    return usual.changed(warn_at=typed.warn_at, grace=typed.grace, max_blind=typed.max_blind)
