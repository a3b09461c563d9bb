"""`evolink_nb.budget`: a budget for everything that follows, per session or per day, week or month."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from ..metering.account import shared_fetcher
from ..metering.budgets.blindness import MAX_BLIND
from ..metering.budgets.grace import GRACE
from ..metering.budgets.limits import parse_limit
from ..metering.budgets.options import WARN_AT, BudgetOptions
from ..metering.budgets.watch_timing import WATCH_INTERVAL
from ..metering.period_budget import PeriodBudget, Recurrence
from ..metering.session_budget import SESSION, SessionBudget
from ..periods import parse_per, parse_zone
from .kept.readings import keep_readings, kept_readings

if TYPE_CHECKING:
    from ..api.client import EvoLinkClient
    from ..polling.fetcher import CreditsFetcher


def budget(
    max_credits: Decimal | float | str,
    *,
    per: Literal["day", "week", "month"] | None = None,
    timezone: str | None = None,
    name: str | None = None,
    every: float = WATCH_INTERVAL,
    warn_at: float | None = WARN_AT,
    grace: float = GRACE,
    max_blind: float | None = MAX_BLIND,
    client: EvoLinkClient | None = None,
) -> SessionBudget:
    """Stop anything that keeps spending once ``max_credits`` are spent, from now until ``cancel()``.

    ``%evolink_budget`` shows, changes and cancels it.

    Once they are spent, calls made with ``client.auth`` are refused in any thread or task.

    Args:
        max_credits: Credits that may be spent.
        per: "day", "week" or "month" for a budget of each such period: everything that any kernel has spent
            with the key since the period began counts, as far back as the history goes.
        timezone: The time zone in which days begin, such as "Europe/Berlin"; this machine's by default.
        name: Its name: "session", "day", "week" or "month" by default. It replaces a budget of the same name.
        every: The longest time between two readings while work runs, in seconds.
        warn_at: The fraction of the limit at which to warn, once; None or 0 for no warning.
        grace: Seconds for which work that makes calls with ``client.auth`` may go on at the limit.
        max_blind: Seconds after which work is stopped if the balance can't be read; None for never.
        client: The client for the account; by default the one for the key that `settings` finds.

    Returns:
        The budget; its ``spent`` and ``left`` are in credits.

    Raises:
        ValueError: ``max_credits`` is not a number above 0, or another option makes no sense.
        EvoLinkError: The balance can't be read, or, with ``per``, no history is kept.
    """
    options = BudgetOptions.parse(every=every, warn_at=warn_at, grace=grace, max_blind=max_blind)
    limit, recurrence = parse_limit(max_credits), parse_recurrence(per, timezone)
    return set_budget(shared_fetcher(client), limit, recurrence, name=name, options=options)


def parse_recurrence(per: str | None, timezone: str | None = None) -> Recurrence | None:
    """Parse when a budget begins anew.

    Args:
        per: "day", "week" or "month"; None for never.
        timezone: The name of the time zone; None for this machine's.

    Raises:
        ValueError: They can't be parsed, or there is a time zone without ``per``.
    """
    if per is None:
        if timezone is not None:
            raise ValueError('timezone goes with per="day", "week" or "month"')
        return None
    return Recurrence(parse_per(per), parse_zone(timezone))


def set_budget(
    fetcher: CreditsFetcher,
    limit: Decimal,
    recurrence: Recurrence | None,
    *,
    name: str | None = None,
    options: BudgetOptions | None = None,
) -> SessionBudget:
    """Set a budget.

    Args:
        fetcher: The fetcher that reads the account.
        limit: Credits that may be spent.
        recurrence: When it begins anew; None for a budget of this session.
        name: Its name; None for the usual one.
        options: How to watch; the usual values by default.

    Raises:
        EvoLinkError: The balance can't be read, or there is no history for a budget that outlives the kernel.
    """
    if recurrence is None:
        return SessionBudget(fetcher, limit, label=name or SESSION, options=options)
    budget = PeriodBudget(fetcher, limit, recurrence, kept=kept_readings, label=name, options=options)
    keep_readings()
    return budget
