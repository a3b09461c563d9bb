"""The budget set by the configuration: ``c.EvoLinkMagics.budget = "50/day"``, for a class or a team."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from ...errors import ConfigurationError, EvoLinkError
from ...metering.account import shared_fetcher
from ...metering.session_budget import session_budgets
from ..arguments import budget_setting
from ..budgets import parse_recurrence, set_budget

if TYPE_CHECKING:
    from ...metering.session_budget import SessionBudget

RETRY_AFTER = 60.0
"""Seconds until the next attempt if the balance or the history can't be read: each makes a cell wait."""


class ConfiguredBudget:
    """Sets the budget before the first cell that runs with a key, and only once: users may change it."""

    def __init__(self) -> None:
        """Start without a budget."""
        self._set: SessionBudget | None = None
        self._setting = ""
        self._said = ""
        self._retry_at = 0.0

    def ensure(self, setting: str, timezone: str) -> None:
        """Set the budget, or print why it isn't watching yet.

        Args:
            setting: Credits, or credits per day, week or month: "50/day".
            timezone: The time zone in which days begin; "" for this machine's.
        """
        is_done = self._set is not None and self._setting == setting
        if is_done or time.monotonic() < self._retry_at:
            return
        limit, per = budget_setting(setting)
        try:
            recurrence = parse_recurrence(per, (timezone or None) if per else None)
            budget = set_budget(shared_fetcher(), limit, recurrence)
        except (EvoLinkError, ValueError) as error:
            self._report(setting, error)
            return
        # The cell that begins now is watched like every later one, from its own first statement on.
        budget.end_work()
        self._set, self._setting, self._said = budget, setting, ""

    def follow(self) -> None:
        """Arrange to set the budget for the new default account, at the next cell."""
        if self._set is not None and self._set in session_budgets():
            self._set.cancel()
        self._set = None
        self._retry_at = 0.0

    def _report(self, setting: str, error: Exception) -> None:
        # Looking for a missing key takes no time, and it may be entered at any time.
        if not isinstance(error, ConfigurationError):
            self._retry_at = time.monotonic() + RETRY_AFTER
        text = f"The configured budget of {setting} is not watching yet: {error}"
        if text != self._said:
            self._said = text
            print(text, file=sys.stderr)
