"""Implements ``%evolink_budget``: shows all budgets; sets, changes and cancels the session's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from ..credits import difference
from ..errors import EvoLinkError
from ..formatting import format_amount, format_time, in_credits
from ..metering.budgets.registry import budgets
from ..metering.period_budget import PeriodBudget
from ..metering.session_budget import SESSION, SessionBudget, session_budgets
from .arguments import OFF
from .budgets import parse_recurrence, set_budget
from .options.budget import budget_options

if TYPE_CHECKING:
    import argparse

    from ..metering.budgets.registry import InForce
    from ..metering.period_budget import Recurrence
    from ..polling.fetcher import CreditsFetcher

NONE_SET = "No budget is set."
COLUMNS = ("budget", "spent", "left", "limit")


def control(options: argparse.Namespace, fetcher_for: Callable[[argparse.Namespace], CreditsFetcher]) -> str:
    """Carry out the options of ``%evolink_budget``.

    Args:
        options: The options of the magic.
        fetcher_for: Returns the fetcher for the account they select.

    Returns:
        What to print.

    Raises:
        UsageError: There is no budget of that name.
        EvoLinkError: The balance can't be read, so a new budget can't be set.
    """
    label = options.name or options.per
    if options.limit is None:
        return _table(_named(label), () if label else budgets.passing)
    if options.limit == OFF:
        return _cancel(_named(label))
    try:
        recurrence = parse_recurrence(options.per, options.timezone)
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    fetcher = fetcher_for(options)
    same = next((each for each in session_budgets() if each.is_called(label or SESSION, fetcher)), None)
    if same is None or recurrence != _recurrence_of(same):
        budget = set_budget(
            fetcher, options.limit, recurrence, name=options.name, options=budget_options(options)
        )
        return f"{budget.name} is set{_spent_before(budget)}."
    same.change(options.limit, budget_options(options, same.options))
    _read([same])
    return f"{same.name} is set{_spent_before(same)}."


def _spent_before(budget: SessionBudget) -> str:
    """Return a phrase about what counts already; "" for a new budget of the session."""
    spent = budget.spent
    is_new = not spent and not isinstance(budget, PeriodBudget)
    return "" if is_new else f": {in_credits(spent)} spent already, {format_amount(budget.left)} left"


def _recurrence_of(budget: SessionBudget) -> Recurrence | None:
    return budget.recurrence if isinstance(budget, PeriodBudget) else None


def left_behind(before: CreditsFetcher | None) -> str:
    """Return a message about the budgets that still watch the former default account; "" if there are none.

    Args:
        before: The fetcher that reads that account; None if there was none.
    """
    sessions = [each for each in budgets.sessions if isinstance(each, SessionBudget)]
    names = [each.name for each in sessions if before is not None and each.fetcher is before]
    if not names:
        return ""
    verb = "watches" if len(names) == 1 else "watch"
    remedy = "To watch this key, set another budget: evolink_nb.budget(…)"
    return f"{' and '.join(names)} still {verb} the previous key's spending, not this key's. {remedy}"


def _named(label: str | None) -> Sequence[SessionBudget]:
    """Return the budgets with a name, or all."""
    found = [each for each in session_budgets() if label in {None, each.label}]
    if label is not None and not found:
        names = ", ".join(sorted({each.label for each in session_budgets()}))
        in_force = f"In force: {names}." if names else NONE_SET
        raise UsageError(f"There is no budget named {label}. {in_force}")
    return found


def _cancel(cancelled: Sequence[SessionBudget]) -> str:
    for each in cancelled:
        each.cancel()
    return "\n".join(f"{each.name} is off." for each in cancelled) or NONE_SET


def _table(sessions: Sequence[SessionBudget], passing: Sequence[InForce]) -> str:
    """Return a table of the session's budgets, and of those in force until some work ends."""
    if not sessions and not passing:
        return NONE_SET
    _read(sessions)
    shown = [*((each.label, each) for each in sessions), *((each.name, each) for each in passing)]
    rows = [(*COLUMNS, ""), *(_row(label, each) for label, each in shown)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths).rstrip() for row in rows)


def _row(label: str, budget: InForce) -> tuple[str, ...]:
    spent, limit = budget.spent, budget.max_credits
    amounts = map(format_amount, (spent, difference(limit, spent), limit))
    return label, *amounts, budget.starts_over if isinstance(budget, PeriodBudget) else ""


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *amounts, note = row
    return "  ".join([name.ljust(widths[0]), *map(str.rjust, amounts, widths[1:]), note])


def _read(shown: Sequence[SessionBudget]) -> None:
    """Read the budgets' accounts now; for those that can't be read, say how old the figures are."""
    for fetcher in {each.fetcher: None for each in shown}:
        try:
            fetcher.read(join=False)
        except EvoLinkError as error:
            age = format_time(fetcher.clock.monotonic() - fetcher.requested_at)
            print(f"The balance can't be read now, only as of {age} ago: {error}", file=sys.stderr)
